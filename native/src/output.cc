#include "output.h"

namespace perforated_conv {

// V of the even pixels is lost in Y once a residual or an activation went over it.
int64_t Output::CoarseFloats() const {
  const bool lost = residual != nullptr || activation != Activation::kNone;
  return Interpolates() && lost ? GridMap(map).Pixels() * channels : 0;
}

size_t Output::CoarseBytes() const { return Arena::Bytes<float>(CoarseFloats()); }

void Output::TakeCoarse(Arena& arena, const Plan& plan) {
  const int64_t floats = CoarseFloats();
  if (floats > 0 && plan.count < map.Pixels()) coarse = arena.Take<float>(floats);
}

FillTask<float> Output::Skipped() const {
  MapView<const float> grid;
  if (Interpolates()) {
    grid = coarse == nullptr ? GridInMap<const float>(map, channels, y)
                             : WholeMap<const float>(GridMap(map), channels, coarse);
  }
  return {map,
          mask,
          channels,
          grid,
          residual,
          WholeMap(map, channels, y),
          Low(activation),
          High(activation)};
}

OutRows OutRows::In(Arena& arena, int64_t count) {
  OutRows rows;
  rows.y = arena.Take<float*>(count);
  rows.r = arena.Take<const float*>(count);
  rows.raw = arena.Take<float*>(count);
  return rows;
}

size_t OutRows::Bytes(int64_t count) { return 3 * Arena::Bytes<float*>(count); }

void OutRows::Locate(const Output& output, const Plan& plan, int64_t begin, int64_t count) const {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = plan.Pixel(begin + i) * output.channels;
    y[i] = output.y + at;
    if (output.residual != nullptr) r[i] = output.residual + at;
  }
  if (output.coarse == nullptr) return;
  const MapView<float> grid = WholeMap(GridMap(output.map), output.channels, output.coarse);
  PixelCursor at(output.map, plan.Pixel(begin));
  for (int64_t i = 0; i < count; ++i) {
    at.MoveTo(plan.Pixel(begin + i));
    const bool even = at.y() % 2 == 0 && at.x() % 2 == 0;
    raw[i] = even ? grid.At(at.image(), at.y() / 2, at.x() / 2) : nullptr;
  }
}

Epilogue<float> OutRows::Rows(const Output& output) const {
  return {y, output.residual == nullptr ? nullptr : r, output.coarse == nullptr ? nullptr : raw,
          Low(output.activation), High(output.activation)};
}

}  // namespace perforated_conv
