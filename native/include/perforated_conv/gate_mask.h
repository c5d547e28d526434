// A gate: the score of each pixel is a 1x1 convolution to one channel, and a budget buys the best.
#pragma once

#include <cstdint>
#include <vector>

#include "perforated_conv/budget_mask.h"
#include "perforated_conv/cpu_features.h"
#include "perforated_conv/executor.h"
#include "perforated_conv/kernel_choice.h"

namespace perforated_conv {

// The output map's pixel (y, x) is scored by the input's (y * stride_h, x * stride_w).
struct GateSpec {
  int64_t channels = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t coarse_stride = 0;  // as BudgetMaskCall's

  int64_t OutHeight(int64_t height) const { return (height + stride_h - 1) / stride_h; }
  int64_t OutWidth(int64_t width) const { return (width + stride_w - 1) / stride_w; }
};

struct GateMaskCall {
  int64_t images = 1, height = 1, width = 1;
  const float* x = nullptr;  // [images, height, width, channels]
  float bias = 0.0f;
  const float* ratio = nullptr;  // [images]
  uint8_t* mask = nullptr;       // [images, out_height, out_width], 0 or 1
};

// As a Convolution: immutable, any number of threads may Run one object at once. Scores are float
// whatever the precision of other layers: a mask is a decision.
class GateMask {
 public:
  // weights: [channels].
  GateMask(const GateSpec& spec, const float* weights, Isa isa = UsableIsa())
      : spec_(spec), weights_(weights, weights + spec.channels), isa_(isa) {}

  // Where every ratio is 1 or more, no score is computed.
  void Run(const GateMaskCall& call, const Executor& executor) const;

 private:
  void Score(const GateMaskCall& call, const Executor& executor, float* scores) const;

  GateSpec spec_;
  std::vector<float> weights_;
  Isa isa_;
};

}  // namespace perforated_conv
