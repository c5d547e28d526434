#include "perforated_conv/gate_mask.h"

#include <algorithm>

#include "scratch.h"

namespace perforated_conv {

GateMask::GateMask(const ConvSpec& spec, const float* weights, int64_t coarse_stride, Isa isa)
    // A mask is a decision: its scores are never rounded.
    : spec_(spec), scores_(spec, weights, isa, Precision::kF32), coarse_stride_(coarse_stride) {}

void GateMask::Run(const GateMaskCall& call, const Executor& executor) const {
  BudgetMaskCall budget;
  budget.images = call.images;
  budget.height = spec_.OutHeight(call.height);
  budget.width = spec_.OutWidth(call.width);
  budget.coarse_stride = coarse_stride_;
  budget.ratio = call.ratio;
  budget.mask = call.mask;
  const int64_t pixels = call.images * budget.height * budget.width;
  if (std::all_of(call.ratio, call.ratio + call.images, [](float r) { return r >= 1.0f; })) {
    std::fill(call.mask, call.mask + pixels, uint8_t{1});
    return;
  }
  ArenaPool::Lease arena(ArenaPool::ForCalls(), Arena::Bytes<float>(pixels));
  float* scores = arena->Take<float>(pixels);
  ConvCall conv;
  conv.images = call.images;
  conv.height = call.height;
  conv.width = call.width;
  conv.x = call.x;
  conv.bias = call.bias;
  conv.y = scores;
  scores_.Run(conv, executor);
  budget.scores = scores;
  BudgetMask(budget, executor);
}

}  // namespace perforated_conv
