// Weights in the order in which a kernel reads them.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel.h"
#include "perforated_conv/perforated_conv.h"

namespace perforated_conv {

// W[Co, depth] as panels of panel_width output channels, each [depth][width] so that a panel is
// read in one stream. The last panel is half as wide if that is enough; missing channels are 0.
class PackedPanels {
 public:
  PackedPanels(const float* weights, int64_t out_channels, int64_t depth, int panel_width);

  int64_t count() const { return count_; }
  int64_t padded_channels() const { return (count_ - 1) * panel_width_ + last_width_; }
  int Width(int64_t panel) const { return panel + 1 < count_ ? panel_width_ : last_width_; }

  // Row `k` of a panel.
  const float* Row(int64_t panel, int64_t k) const {
    return data_.data() + panel * panel_width_ * depth_ + k * Width(panel);
  }

 private:
  int64_t depth_, count_;
  int panel_width_, last_width_;
  std::vector<float> data_;
};

// W[C, taps] as [taps][C].
std::vector<float> PackDepthwise(const float* weights, int64_t channels, int64_t taps);

}  // namespace perforated_conv
