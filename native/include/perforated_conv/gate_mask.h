// A gate: the score of each pixel is a 1x1 convolution to one channel, and a budget buys the best.
#pragma once

#include <cstdint>

#include "perforated_conv/budget_mask.h"
#include "perforated_conv/executor.h"
#include "perforated_conv/perforated_conv.h"

namespace perforated_conv {

struct GateMaskCall {
  int64_t images = 1, height = 1, width = 1;
  const float* x = nullptr;      // [images, height, width, in_channels]
  const float* bias = nullptr;   // [1] or null: 0
  const float* ratio = nullptr;  // [images]
  uint8_t* mask = nullptr;       // [images, out_height, out_width], 0 or 1
};

// As a Convolution: immutable, any number of threads may Run one object at once.
class GateMask {
 public:
  // spec: out_channels 1. weights and coarse_stride: as Convolution and BudgetMask take them.
  GateMask(const ConvSpec& spec, const float* weights, int64_t coarse_stride,
           Isa isa = UsableIsa());

  // Where every ratio is 1 or more, no score is computed.
  void Run(const GateMaskCall& call, const Executor& executor) const;

 private:
  ConvSpec spec_;
  Convolution scores_;
  int64_t coarse_stride_;
};

}  // namespace perforated_conv
