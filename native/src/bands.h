// How the expanded map of an inverted bottleneck is cut: bands of rows, chunks of channels.
#pragma once

#include <cstdint>

#include "perforated_conv/perforated_conv.h"
#include "plan.h"

namespace perforated_conv {

// Rows of the expanded map that an output band reads, and the buffer that holds them padded: every
// tap of the band lies in it.
struct Band {
  int64_t image;
  int64_t out_begin, out_end;  // output rows
  int64_t begin, end;          // rows of the map that are computed
  int64_t read_end;            // rows from here to end are there for their grid pixels alone
  int64_t top;                 // first row of the buffer, <= begin
};

class Bands {
 public:
  // value_bytes: of the expanded map. grid: odd rows need the next even one.
  Bands(const ConvSpec& middle, const OutMap& inner, const OutMap& out, bool grid,
        int64_t value_bytes);

  int64_t chunk() const { return chunk_; }  // channels of a chunk, but for the last one
  int64_t chunks() const { return chunks_; }
  int64_t count() const { return inner_.images * bands_; }
  Band At(int64_t index) const;

  // Of the buffer, in pixels.
  int64_t width() const { return width_; }
  int64_t max_height() const { return Height(rows_); }
  // Of the band's part of the coarse grid, in pixels.
  int64_t max_grid() const { return (max_height() / 2 + 2) * ((inner_.width + 1) / 2); }

 private:
  int64_t Height(int64_t rows) const;

  const ConvSpec& middle_;
  const OutMap inner_, out_;
  const bool grid_;
  int64_t width_, rows_, bands_, chunk_, chunks_;
};

}  // namespace perforated_conv
