#include "fill.h"

#include <algorithm>
#include <limits>

namespace perforated_conv {

template <typename T>
void Filler<T>::Pixel(int64_t image, int64_t y, int64_t x, BlendRow<T>& row) const {
  const OutMap& map = task_.map;
  if (task_.grid.base != nullptr) {
    const int64_t gy = y / 2;
    const int64_t gx = x / 2;
    const int64_t below = std::min(gy + y % 2, GridSize(map.height) - 1);
    const int64_t right = std::min(gx + x % 2, GridSize(map.width) - 1);
    row.v[0] = task_.grid.At(image, gy, gx);
    row.v[1] = task_.grid.At(image, gy, right);
    row.v[2] = task_.grid.At(image, below, gx);
    row.v[3] = task_.grid.At(image, below, right);
  }
  if (task_.residual != nullptr) {
    row.r = task_.residual + ((image * map.height + y) * map.width + x) * task_.channels;
  }
  row.y = task_.y.At(image, y, x);
  kernel_.blend(row);
}

template <typename T>
void Filler<T>::Row(int64_t image, int64_t y) const {
  BlendRow<T> row = {task_.channels, {}, nullptr, task_.low, task_.high, nullptr};
  const bool on_grid = task_.grid.base != nullptr && y % 2 == 0;
  const uint8_t* mask = task_.mask + (image * task_.map.height + y) * task_.map.width;
  for (int64_t x = 0; x < task_.map.width; ++x) {
    if (mask[x] != 0 || (on_grid && x % 2 == 0)) continue;
    Pixel(image, y, x, row);
  }
}

// Every activation maps 0 to 0, so runs of skipped pixels are simply cleared.
template <typename T>
void Filler<T>::ZeroRow(int64_t image, int64_t y) const {
  const int64_t width = task_.map.width;
  const uint8_t* mask = task_.mask + (image * task_.map.height + y) * width;
  for (int64_t x = 0; x < width; ++x) {
    const int64_t begin = x;
    while (x < width && mask[x] == 0) ++x;
    T* out = task_.y.At(image, y, begin);
    std::fill(out, out + (x - begin) * task_.channels, T{});
  }
}

template <typename T>
void Filler<T>::Rows(int64_t begin, int64_t end) const {
  const bool zero = task_.grid.base == nullptr && task_.residual == nullptr;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / task_.map.height;
    const int64_t y = row % task_.map.height;
    zero ? ZeroRow(image, y) : Row(image, y);
  }
}

template class Filler<float>;
template class Filler<bf16>;

float Low(Activation activation) {
  return activation == Activation::kNone ? -std::numeric_limits<float>::infinity() : 0.0f;
}

float High(Activation activation) {
  return activation == Activation::kRelu6 ? 6.0f : std::numeric_limits<float>::infinity();
}

}  // namespace perforated_conv
