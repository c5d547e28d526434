// The operator in plain loops, and random inputs. Slow, and independent of the code under test.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "perforated_conv/perforated_conv.h"

namespace perforated_conv {

using Floats = std::vector<float>;

inline Floats RandomFloats(int64_t count, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = uniform(random);
  return values;
}

inline std::vector<uint8_t> RandomMask(int64_t count, double density, std::mt19937& random) {
  std::bernoulli_distribution in(density);
  std::vector<uint8_t> mask(static_cast<size_t>(count));
  for (uint8_t& m : mask) m = in(random) ? 1 : 0;
  return mask;
}

inline float Activate(float v, Activation activation) {
  if (activation == Activation::kNone) return v;
  if (v < 0.0f) return 0.0f;
  return activation == Activation::kRelu6 && v > 6.0f ? 6.0f : v;
}

struct Reference {
  const ConvSpec& spec;
  const ConvCall& call;
  const float* weights;

  int64_t height() const { return spec.OutHeight(call.height); }
  int64_t width() const { return spec.OutWidth(call.width); }

  bool Computed(int64_t n, int64_t y, int64_t x) const {
    const bool grid = spec.fill == Fill::kInterpolate && y % 2 == 0 && x % 2 == 0;
    return call.mask == nullptr || grid || call.mask[(n * height() + y) * width() + x] != 0;
  }

  double Tap(int64_t n, int64_t y, int64_t x, int64_t o, int64_t ky, int64_t kx) const {
    const int64_t iy = y * spec.stride_h - spec.pad_top + ky * spec.dilation_h;
    const int64_t ix = x * spec.stride_w - spec.pad_left + kx * spec.dilation_w;
    if (iy < 0 || iy >= call.height || ix < 0 || ix >= call.width) return 0.0;
    const float* in = call.x + ((n * call.height + iy) * call.width + ix) * spec.in_channels;
    const int64_t tap = (o * spec.kernel_h + ky) * spec.kernel_w + kx;
    if (spec.depthwise) return double{in[o]} * weights[tap];
    double sum = 0.0;
    for (int64_t i = 0; i < spec.in_channels; ++i) {
      sum += double{in[i]} * weights[tap * spec.in_channels + i];
    }
    return sum;
  }

  double V(int64_t n, int64_t y, int64_t x, int64_t o) const {
    if (Computed(n, y, x)) {
      double sum = call.bias == nullptr ? 0.0 : call.bias[o];
      for (int64_t ky = 0; ky < spec.kernel_h; ++ky) {
        for (int64_t kx = 0; kx < spec.kernel_w; ++kx) sum += Tap(n, y, x, o, ky, kx);
      }
      return sum;
    }
    if (spec.fill == Fill::kZero) return 0.0;
    if (y % 2 == 1) return Between(y, height(), [&](int64_t even) { return V2(n, even, x, o); });
    return V2(n, y, x, o);
  }

  // V on an even row, from the grid alone: at odd x it is interpolated even if it was computed.
  double V2(int64_t n, int64_t y, int64_t x, int64_t o) const {
    if (x % 2 == 0) return V(n, y, x, o);
    return Between(x, width(), [&](int64_t even) { return V(n, y, even, o); });
  }

  template <typename F>
  static double Between(int64_t i, int64_t size, F value) {
    return i + 1 < size ? 0.5 * (value(i - 1) + value(i + 1)) : value(i - 1);
  }

  Floats Y() const {
    Floats y;
    for (int64_t n = 0; n < call.images; ++n) {
      for (int64_t row = 0; row < height(); ++row) {
        for (int64_t x = 0; x < width(); ++x) {
          for (int64_t o = 0; o < spec.out_channels; ++o) {
            const float r = call.residual == nullptr ? 0.0f : call.residual[y.size()];
            y.push_back(Activate(static_cast<float>(V(n, row, x, o)) + r, spec.activation));
          }
        }
      }
    }
    return y;
  }
};

}  // namespace perforated_conv
