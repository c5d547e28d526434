// A convolution that is computed only where a mask says so. float32, NHWC; products may be of
// bfloat16 values, sums are of float32.
//
//   V[n,y,x,o] = B[o] + sum over (ky, kx, i) of
//                X[n, y*stride_h - pad_top + ky*dilation_h, x*stride_w - pad_left + kx*dilation_w,
//                i]
//                * W[o,ky,kx,i]                                       at computed pixels
//   V = 0 (Fill::kZero) or bilinear from the even pixels (Fill::kInterpolate)   elsewhere
//   Y = activation(V + R)                                             everywhere
#pragma once

#include <cstdint>
#include <memory>

#include "perforated_conv/cpu_features.h"
#include "perforated_conv/executor.h"
#include "perforated_conv/kernel_choice.h"

namespace perforated_conv {

enum class Activation { kNone, kRelu, kRelu6 };

// The value of V at pixels that are not computed. With kInterpolate the pixels with even y and even
// x are computed whatever the mask says; between them V is separable bilinear, and the value at the
// last even index is repeated beyond it.
enum class Fill { kZero, kInterpolate };

struct ConvSpec {
  int64_t in_channels = 1;
  int64_t out_channels = 1;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  bool depthwise = false;  // each channel on its own; in_channels == out_channels
  Activation activation = Activation::kNone;
  Fill fill = Fill::kZero;

  // Size of the output map; may be <= 0, which callers must refuse.
  int64_t OutHeight(int64_t height) const;
  int64_t OutWidth(int64_t width) const;

  // True if pixel i of the output sees exactly pixel i of the input.
  bool IsPointwise() const;

  // Multiply-adds of one computed pixel.
  int64_t MacsPerPixel() const;
};

// One call. Pointers are to dense row-major arrays; y overlaps none of the others.
struct ConvCall {
  int64_t images = 1, height = 1, width = 1;
  const float* x = nullptr;         // [images, height, width, in_channels]
  const float* bias = nullptr;      // [out_channels] or null: 0
  const uint8_t* mask = nullptr;    // [images, out_height, out_width], 0 or not, or null: all
  const float* residual = nullptr;  // shape of y, or null: 0
  float* y = nullptr;               // [images, out_height, out_width, out_channels]
};

// Weights in a kernel's order and the kernel itself. Immutable: any number of threads may Run one
// object at once. images * out_height * out_width must be below 2^31.
class Convolution {
 public:
  // weights: [out_channels, kernel_h, kernel_w, in_channels, or 1 if depthwise]; not kept.
  Convolution(const ConvSpec& spec, const float* weights, Isa isa = UsableIsa(),
              Precision precision = UsablePrecision());
  ~Convolution();
  Convolution(Convolution&&) noexcept;

  void Run(const ConvCall& call, const Executor& executor) const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace perforated_conv
