#include "pack.h"

#include <algorithm>
#include <type_traits>

#include "bf16.h"
#include "chunks.h"

namespace perforated_conv {
namespace {

// Channels of a whole number of panels of any kernel.
constexpr int64_t kWidestPanels = 64;

template <typename T>
T Rounded(float value) {
  if constexpr (std::is_same_v<T, bf16>) {
    return ToBf16(value);
  } else {
    return value;
  }
}

}  // namespace

template <typename T>
PackedPanels<T>::PackedPanels(const float* weights, int64_t out_channels, int64_t depth,
                              const MapKernel<T>& kernel)
    : depth_(RoundUp(depth, kernel.depth_step)),
      count_(RoundUp(out_channels, kernel.panel_width) / kernel.panel_width),
      panel_width_(kernel.panel_width),
      last_width_(kernel.panel_width) {
  if (out_channels - (count_ - 1) * panel_width_ <= panel_width_ / 2) last_width_ /= 2;
  data_.assign(static_cast<size_t>(padded_channels() * depth_), T{});
  constexpr int64_t kPack = sizeof(float) / sizeof(T);  // values of k side by side
  for (int64_t o = 0; o < out_channels; ++o) {
    const int64_t panel = o / panel_width_;
    T* column = data_.data() + panel * panel_width_ * depth_ + o % panel_width_ * kPack;
    for (int64_t k = 0; k < depth; ++k) {
      column[k / kPack * kPack * Width(panel) + k % kPack] = Rounded<T>(weights[o * depth + k]);
    }
  }
}

template <typename T>
std::vector<T> PackDepthwise(const float* weights, int64_t channels, int64_t taps) {
  std::vector<T> packed(static_cast<size_t>(channels * taps));
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t t = 0; t < taps; ++t) {
      packed[static_cast<size_t>(t * channels + c)] = Rounded<T>(weights[c * taps + t]);
    }
  }
  return packed;
}

size_t PaddedBiasBytes(int64_t channels) {
  return Arena::Bytes<float>(RoundUp(channels, kWidestPanels));
}

const float* PadBias(Arena& arena, const float* bias, int64_t channels) {
  const int64_t floats = RoundUp(channels, kWidestPanels);
  float* padded = arena.Take<float>(floats);
  std::fill(padded, padded + floats, 0.0f);
  if (bias != nullptr) std::copy(bias, bias + channels, padded);
  return padded;
}

template class PackedPanels<float>;
template class PackedPanels<bf16>;
template std::vector<float> PackDepthwise(const float*, int64_t, int64_t);
template std::vector<bf16> PackDepthwise(const float*, int64_t, int64_t);

}  // namespace perforated_conv
