#include "bands.h"

#include <algorithm>

#include "chunks.h"

namespace perforated_conv {
namespace {

// Half of a second-level cache of 1 MiB: input, weights and results pass through the other half.
constexpr int64_t kBufferBytes = 512 << 10;
// Whole groups of channels of any kernel.
constexpr int64_t kGroup = 32;
// Enough items for any pool's threads to share evenly.
constexpr int64_t kMinItems = 8;
constexpr int64_t kMinRows = 4;

}  // namespace

Bands::Bands(const ConvSpec& middle, const OutMap& inner, const OutMap& out, bool grid,
             int64_t value_bytes)
    : middle_(middle), inner_(inner), out_(out), grid_(grid) {
  const int64_t reach = (middle.kernel_w - 1) * middle.dilation_w;
  width_ = std::max(inner.width + middle.pad_left, (out.width - 1) * middle.stride_w + reach + 1);
  const auto bytes = [&](int64_t rows, int64_t channels) {
    return Height(rows) * width_ * channels * value_bytes;
  };
  // A whole map in the buffer repeats no row; a wide chunk reads the input less often.
  chunk_ = bytes(out.height, 2 * kGroup) <= kBufferBytes ? 2 * kGroup : kGroup;
  rows_ = out.height;
  while (rows_ > kMinRows && bytes(rows_, chunk_) > kBufferBytes) rows_ = CeilDiv(rows_, 2);
  chunks_ = CeilDiv(middle.in_channels, chunk_);
  while (rows_ > kMinRows && inner.images * CeilDiv(out.height, rows_) * chunks_ < kMinItems) {
    rows_ = CeilDiv(rows_, 2);
  }
  rows_ = std::min(rows_ + rows_ % 2, out.height);
  bands_ = CeilDiv(out.height, rows_);
}

int64_t Bands::Height(int64_t rows) const {
  const int64_t reach = (middle_.kernel_h - 1) * middle_.dilation_h;
  return (rows - 1) * middle_.stride_h + reach + 1 + (grid_ ? 2 : 0);
}

Band Bands::At(int64_t index) const {
  Band band;
  band.image = index / bands_;
  band.out_begin = index % bands_ * rows_;
  band.out_end = std::min(out_.height, band.out_begin + rows_);
  const int64_t reach = (middle_.kernel_h - 1) * middle_.dilation_h;
  const int64_t first = band.out_begin * middle_.stride_h - middle_.pad_top;
  const int64_t last = (band.out_end - 1) * middle_.stride_h - middle_.pad_top + reach;
  band.begin = std::clamp<int64_t>(first, 0, inner_.height);
  band.end = std::clamp<int64_t>(last + 1, band.begin, inner_.height);
  band.read_end = band.end;
  if (grid_ && band.begin < band.end) {
    band.begin -= band.begin % 2;
    if (band.end % 2 == 0 && band.end < inner_.height) ++band.end;
  }
  band.top = std::min(first, band.begin);
  return band;
}

}  // namespace perforated_conv
