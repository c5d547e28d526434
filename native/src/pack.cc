#include "pack.h"

namespace perforated_conv {

PackedPanels::PackedPanels(const float* weights, int64_t out_channels, int64_t depth,
                           int panel_width)
    : depth_(depth),
      count_((out_channels + panel_width - 1) / panel_width),
      panel_width_(panel_width),
      last_width_(panel_width) {
  if (out_channels - (count_ - 1) * panel_width <= panel_width / 2) last_width_ = panel_width / 2;
  data_.assign(static_cast<size_t>(padded_channels() * depth), 0.0f);
  for (int64_t o = 0; o < out_channels; ++o) {
    const int64_t panel = o / panel_width;
    float* column = data_.data() + panel * panel_width * depth + o % panel_width;
    for (int64_t k = 0; k < depth; ++k) column[k * Width(panel)] = weights[o * depth + k];
  }
}

std::vector<float> PackDepthwise(const float* weights, int64_t channels, int64_t taps) {
  std::vector<float> packed(static_cast<size_t>(channels * taps));
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t t = 0; t < taps; ++t) {
      packed[static_cast<size_t>(t * channels + c)] = weights[c * taps + t];
    }
  }
  return packed;
}

}  // namespace perforated_conv
