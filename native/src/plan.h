// Which output pixels are computed, and where each lies.
#pragma once

#include <cstdint>

#include "perforated_conv/perforated_conv.h"

namespace perforated_conv {

// The output map of a call.
struct OutMap {
  int64_t images, height, width;

  int64_t Pixels() const { return images * height * width; }
};

OutMap OutputMap(const ConvSpec& spec, const ConvCall& call);

// Flat indices of the computed pixels, ascending.
struct Plan {
  const int32_t* pixels;  // null: all pixels, the identity
  int64_t count;

  int64_t Pixel(int64_t i) const { return pixels == nullptr ? i : pixels[i]; }
};

// `storage` holds map.Pixels() + 1 indices (one is scratch); untouched if the call has no mask.
Plan MakePlan(const ConvSpec& spec, const ConvCall& call, const OutMap& map, int32_t* storage);

// A plan and where the rows of the map start in it.
struct RowPlan {
  Plan plan;
  int64_t width;
  const int32_t* rows;  // [images * height + 1], or null: all pixels

  int64_t RowBegin(int64_t row) const { return rows == nullptr ? row * width : rows[row]; }
};

// The mask's pixels and, if `grid`, the even ones too. `storage` holds map.Pixels() + 1 indices,
// `rows` images * height + 1; both untouched if mask is null.
RowPlan MakeRowPlan(const uint8_t* mask, bool grid, const OutMap& map, int32_t* storage,
                    int32_t* rows);

// Image, row and column of ascending flat indices, without a division for each.
class PixelCursor {
 public:
  PixelCursor(const OutMap& map, int64_t flat)
      : width_(map.width),
        height_(map.height),
        row_start_(flat - flat % map.width),
        y_((flat / map.width) % map.height),
        image_(flat / (map.width * map.height)) {}

  void MoveTo(int64_t flat) {
    while (flat >= row_start_ + width_) NextRow();
    x_ = flat - row_start_;
  }

  int64_t image() const { return image_; }
  int64_t y() const { return y_; }
  int64_t x() const { return x_; }

 private:
  void NextRow() {
    row_start_ += width_;
    if (++y_ < height_) return;
    y_ = 0;
    ++image_;
  }

  int64_t width_, height_, row_start_, y_, image_;
  int64_t x_ = 0;
};

}  // namespace perforated_conv
