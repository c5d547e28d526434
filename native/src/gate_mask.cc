#include "perforated_conv/gate_mask.h"

#include <algorithm>

#include "chunks.h"
#include "kernels/kernel.h"
#include "scratch.h"

namespace perforated_conv {

void GateMask::Score(const GateMaskCall& call, const Executor& executor, float* scores) const {
  const Kernel<float>& kernel = BestKernel<float>(isa_);
  const int64_t height = spec_.OutHeight(call.height);
  const int64_t width = spec_.OutWidth(call.width);
  const Chunks chunks = EvenChunks(call.images * height, 8);
  auto rows = [&](int64_t i) {
    for (int64_t row = chunks.Begin(i); row < chunks.End(i); ++row) {
      const int64_t y = row / height * call.height + row % height * spec_.stride_h;
      kernel.dot({width, spec_.channels, spec_.stride_w * spec_.channels,
                  call.x + y * call.width * spec_.channels, weights_.data(), call.bias,
                  scores + row * width});
    }
  };
  ForEachItem(chunks.Count(), executor, rows);
}

void GateMask::Run(const GateMaskCall& call, const Executor& executor) const {
  BudgetMaskCall budget;
  budget.images = call.images;
  budget.height = spec_.OutHeight(call.height);
  budget.width = spec_.OutWidth(call.width);
  budget.coarse_stride = spec_.coarse_stride;
  budget.ratio = call.ratio;
  budget.mask = call.mask;
  const int64_t pixels = call.images * budget.height * budget.width;
  if (std::all_of(call.ratio, call.ratio + call.images, [](float r) { return r >= 1.0f; })) {
    std::fill(call.mask, call.mask + pixels, uint8_t{1});
    return;
  }
  ArenaPool::Lease arena(ArenaPool::ForCalls(), Arena::Bytes<float>(pixels));
  float* scores = arena->Take<float>(pixels);
  Score(call, executor, scores);
  budget.scores = scores;
  BudgetMask(budget, executor);
}

}  // namespace perforated_conv
