#include "fill.h"

#include <algorithm>
#include <limits>

namespace perforated_conv {

CoarseGrid GridInMap(const OutMap& map, int64_t channels, const float* v) {
  const int64_t row = map.width * channels;
  return {v, map.height * row, 2 * row, 2 * channels};
}

CoarseGrid GridAlone(const OutMap& map, int64_t channels, const float* v) {
  const int64_t row = GridSize(map.width) * channels;
  return {v, GridSize(map.height) * row, row, channels};
}

Filler::Filler(const Kernel<float>& kernel, const ConvSpec& spec, const ConvCall& call,
               const OutMap& map, const CoarseGrid& grid)
    : kernel_(kernel), spec_(spec), call_(call), map_(map), grid_(grid) {}

void Filler::Pixel(int64_t image, int64_t y, int64_t x, BlendRow<float>& row) const {
  const int64_t at = ((image * map_.height + y) * map_.width + x) * spec_.out_channels;
  if (grid_.base != nullptr) {
    const int64_t gy = y / 2;
    const int64_t gx = x / 2;
    const int64_t below = std::min(gy + y % 2, GridSize(map_.height) - 1);
    const int64_t right = std::min(gx + x % 2, GridSize(map_.width) - 1);
    row.v[0] = grid_.At(image, gy, gx);
    row.v[1] = grid_.At(image, gy, right);
    row.v[2] = grid_.At(image, below, gx);
    row.v[3] = grid_.At(image, below, right);
  }
  if (call_.residual != nullptr) row.r = call_.residual + at;
  row.y = call_.y + at;
  kernel_.blend(row);
}

void Filler::Row(int64_t image, int64_t y) const {
  BlendRow<float> row = {spec_.out_channels,     {},     nullptr, Low(spec_.activation),
                         High(spec_.activation), nullptr};
  const bool on_grid = grid_.base != nullptr && y % 2 == 0;
  const uint8_t* mask = call_.mask + (image * map_.height + y) * map_.width;
  for (int64_t x = 0; x < map_.width; ++x) {
    if (mask[x] != 0 || (on_grid && x % 2 == 0)) continue;
    Pixel(image, y, x, row);
  }
}

// Every activation maps 0 to 0, so runs of skipped pixels are simply cleared.
void Filler::ZeroRow(int64_t image, int64_t y) const {
  const int64_t first = (image * map_.height + y) * map_.width;
  const uint8_t* mask = call_.mask + first;
  for (int64_t x = 0; x < map_.width; ++x) {
    const int64_t begin = x;
    while (x < map_.width && mask[x] == 0) ++x;
    float* out = call_.y + (first + begin) * spec_.out_channels;
    std::fill(out, out + (x - begin) * spec_.out_channels, 0.0f);
  }
}

void Filler::Rows(int64_t begin, int64_t end) const {
  const bool zero = grid_.base == nullptr && call_.residual == nullptr;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t image = row / map_.height;
    const int64_t y = row % map_.height;
    zero ? ZeroRow(image, y) : Row(image, y);
  }
}

float Low(Activation activation) {
  return activation == Activation::kNone ? -std::numeric_limits<float>::infinity() : 0.0f;
}

float High(Activation activation) {
  return activation == Activation::kRelu6 ? 6.0f : std::numeric_limits<float>::infinity();
}

}  // namespace perforated_conv
