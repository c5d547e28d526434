// A residual block whose inner maps never leave the caches: first convolution, middle convolution
// (of any kernel, or depthwise), last 1x1 convolution. float32 in and out, NHWC.
//
//   A = inner_activation(first(X))           or X, if there is no first
//   B = inner_activation(middle(A))
//   Y = activation(last(B) + R)
//
// Fill::kInterpolate: all three are computed at the mask's pixels and on the even grid; what is
// left out of first and last is interpolated as a Convolution does it.
// Fill::kZero: first is computed everywhere, middle and last at the mask's pixels; last gives 0
// elsewhere.
// The inner maps A and B are float32 or bfloat16, as the precision says.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "perforated_conv/cpu_features.h"
#include "perforated_conv/executor.h"
#include "perforated_conv/kernel_choice.h"
#include "perforated_conv/perforated_conv.h"

namespace perforated_conv {

// The three convolutions; their own activation and fill are not looked at. With Fill::kInterpolate
// the outputs of first and of middle are equal in size. Only a depthwise middle does without first.
struct BottleneckSpec {
  std::optional<ConvSpec> first;
  ConvSpec middle, last;
  Activation inner_activation = Activation::kNone;
  Activation activation = Activation::kNone;
  Fill fill = Fill::kZero;

  // Size of the output map; may be <= 0, which callers must refuse.
  int64_t OutHeight(int64_t height) const;
  int64_t OutWidth(int64_t width) const;
};

// Weights as Convolution takes them; not kept. `first` null if there is none.
struct BottleneckWeights {
  const float* first;
  const float* middle;
  const float* last;
};

struct BottleneckCall {
  int64_t images = 1, height = 1, width = 1;
  const float* x = nullptr;           // [images, height, width, in_channels]
  const float* first_bias = nullptr;  // [channels] or null: 0, and so the others
  const float* middle_bias = nullptr;
  const float* last_bias = nullptr;
  const uint8_t* mask = nullptr;    // [images, out_height, out_width], 0 or not, or null: all
  const float* residual = nullptr;  // shape of y, or null: 0
  float* y = nullptr;               // [images, out_height, out_width, out_channels]
};

// As a Convolution: immutable, any number of threads may Run one object at once.
class Bottleneck {
 public:
  Bottleneck(const BottleneckSpec& spec, const BottleneckWeights& weights, Isa isa = UsableIsa(),
             Precision precision = UsablePrecision());
  ~Bottleneck();
  Bottleneck(Bottleneck&&) noexcept;

  void Run(const BottleneckCall& call, const Executor& executor) const;

  struct Impl;

 private:
  std::unique_ptr<const Impl> impl_;
};

}  // namespace perforated_conv
