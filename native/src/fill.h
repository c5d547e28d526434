// Values of the pixels left out.
#pragma once

#include <cstdint>

#include "kernels/kernel.h"
#include "map_view.h"
#include "perforated_conv/perforated_conv.h"
#include "plan.h"

namespace perforated_conv {

// The task of a Filler: y = clamp(V + residual) wherever the mask is 0, V from the grid.
template <typename T>
struct FillTask {
  OutMap map;
  const uint8_t* mask;  // [images, height, width]
  int64_t channels;
  MapView<const T> grid;  // base null: V = 0; else even pixels are computed and stay as they are
  const float* residual;  // whole map, or null: 0
  MapView<T> y;
  float low, high;
};

template <typename T>
class Filler {
 public:
  Filler(const Kernel<T>& kernel, const FillTask<T>& task) : kernel_(kernel), task_(task) {}

  // Rows [begin, end) of images * height rows.
  void Rows(int64_t begin, int64_t end) const;

 private:
  void Row(int64_t image, int64_t y) const;
  void ZeroRow(int64_t image, int64_t y) const;
  void Pixel(int64_t image, int64_t y, int64_t x, BlendRow<T>& row) const;

  const Kernel<T>& kernel_;
  const FillTask<T> task_;
};

// Bounds of an activation as a clamp.
float Low(Activation activation);
float High(Activation activation);

}  // namespace perforated_conv
