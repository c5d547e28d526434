// Values of the pixels left out.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"
#include "perforated_conv/perforated_conv.h"
#include "plan.h"

namespace perforated_conv {

// V at the pixels with even y and even x; strides in floats.
struct CoarseGrid {
  const float* base = nullptr;
  int64_t image_stride = 0, row_stride = 0, pixel_stride = 0;

  const float* At(int64_t image, int64_t gy, int64_t gx) const {
    return base + image * image_stride + gy * row_stride + gx * pixel_stride;
  }
};

// Size of the even grid along an axis.
inline int64_t GridSize(int64_t n) { return (n + 1) / 2; }

// The grid as it lies in a whole map [images, height, width, channels], or in a map of its own.
CoarseGrid GridInMap(const OutMap& map, int64_t channels, const float* v);
CoarseGrid GridAlone(const OutMap& map, int64_t channels, const float* v);

// Writes Y at the pixels that are not computed, for rows [begin, end) of images * height rows.
class Filler {
 public:
  Filler(const Kernel<float>& kernel, const ConvSpec& spec, const ConvCall& call, const OutMap& map,
         const CoarseGrid& grid);

  void Rows(int64_t begin, int64_t end) const;

 private:
  void Row(int64_t image, int64_t y) const;
  void ZeroRow(int64_t image, int64_t y) const;
  void Pixel(int64_t image, int64_t y, int64_t x, BlendRow<float>& row) const;

  const Kernel<float>& kernel_;
  const ConvSpec& spec_;
  const ConvCall& call_;
  const OutMap map_;
  const CoarseGrid grid_;
};

// Bounds of an activation as a clamp.
float Low(Activation activation);
float High(Activation activation);

}  // namespace perforated_conv
