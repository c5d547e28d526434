// Where the pixels of a map lie in memory.
#pragma once

#include <cstdint>

#include "plan.h"

namespace perforated_conv {

// Steps are in values. A view of part of a map is addressed by the whole map's coordinates:
// `origin` values lie before its first.
template <typename T>
struct MapView {
  T* base = nullptr;
  int64_t image_step = 0, row_step = 0, pixel_step = 0, origin = 0;

  operator MapView<const T>() const { return {base, image_step, row_step, pixel_step, origin}; }

  T* At(int64_t image, int64_t y, int64_t x) const {
    return base + (image * image_step + y * row_step + x * pixel_step - origin);
  }
};

// [images, height, width, channels] without gaps.
template <typename T>
MapView<T> WholeMap(const OutMap& map, int64_t channels, T* base) {
  const int64_t row = map.width * channels;
  return {base, map.height * row, row, channels, 0};
}

// Size of the even grid along an axis.
inline int64_t GridSize(int64_t n) { return (n + 1) / 2; }

// The pixels with even y and even x as they lie in a whole map, or in a map of their own.
template <typename T>
MapView<T> GridInMap(const OutMap& map, int64_t channels, T* base) {
  const MapView<T> whole = WholeMap(map, channels, base);
  return {base, whole.image_step, 2 * whole.row_step, 2 * channels, 0};
}

inline OutMap GridMap(const OutMap& map) {
  return {map.images, GridSize(map.height), GridSize(map.width)};
}

}  // namespace perforated_conv
