// Weights in the order in which a kernel reads them, rounded to its type.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel.h"
#include "scratch.h"

namespace perforated_conv {

// W[Co, depth] as panels of panel_width output channels, each in the order of GemmTile::b so that
// it is read in one stream. The last panel is half as wide if that is enough. Channels that are
// missing and what rounds the depth up to whole depth_steps are 0. T is float or bf16.
template <typename T>
class PackedPanels {
 public:
  PackedPanels(const float* weights, int64_t out_channels, int64_t depth,
               const MapKernel<T>& kernel);

  int64_t count() const { return count_; }
  int64_t padded_channels() const { return (count_ - 1) * panel_width_ + last_width_; }
  int64_t padded_depth() const { return depth_; }
  int Width(int64_t panel) const { return panel + 1 < count_ ? panel_width_ : last_width_; }

  // Where a panel's weights from k on begin; k is a multiple of depth_step.
  const T* Row(int64_t panel, int64_t k) const {
    return data_.data() + panel * panel_width_ * depth_ + k * Width(panel);
  }

 private:
  int64_t depth_, count_;
  int panel_width_, last_width_;
  std::vector<T> data_;
};

// W[C, taps] as [taps][C].
template <typename T = float>
std::vector<T> PackDepthwise(const float* weights, int64_t channels, int64_t taps);

// A bias padded to whole panels of any kernel; zeros if it is null.
const float* PadBias(Arena& arena, const float* bias, int64_t channels);
size_t PaddedBiasBytes(int64_t channels);

}  // namespace perforated_conv
