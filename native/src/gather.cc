#include "gather.h"

#include <algorithm>
#include <cstring>

#include "kernels/kernel.h"

namespace perforated_conv {
namespace {

struct Run {
  int64_t dy, dx, length;
};

std::vector<Run> ContiguousRuns(const ConvSpec& spec) {
  const int64_t taps = spec.dilation_w == 1 ? spec.kernel_w : 1;
  std::vector<Run> runs;
  for (int64_t ky = 0; ky < spec.kernel_h; ++ky) {
    for (int64_t kx = 0; kx < spec.kernel_w; kx += taps) {
      runs.push_back({ky * spec.dilation_h, kx * spec.dilation_w, taps * spec.in_channels});
    }
  }
  return runs;
}

std::vector<Gather::Piece> PiecesOf(const std::vector<Run>& runs, int64_t first, int64_t depth) {
  std::vector<Gather::Piece> pieces;
  int64_t start = 0;
  for (const Run& run : runs) {
    const int64_t begin = std::max<int64_t>(first - start, 0);
    const int64_t end = std::min(first + depth - start, run.length);
    if (begin < end) pieces.push_back({run.dy, run.dx, run.length, begin, end});
    start += run.length;
  }
  return pieces;
}

// Floats a short copy moves whatever its length: a copy of known size needs no call.
constexpr int64_t kShort = 16;
static_assert(kRowStride - kDepthBlock >= kShort, "short copies may write beyond the row's depth");

inline void CopyFloats(const float* from, int64_t count, float* to) {
  std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

// Reads and writes up to kShort floats more than asked.
inline void CopyFloatsLoosely(const float* from, int64_t count, float* to) {
  if (count <= kShort) return CopyFloats(from, kShort, to);
  CopyFloats(from, count, to);
}

}  // namespace

Gather::Gather(const ConvSpec& spec)
    : channels_(spec.in_channels),
      reach_y_((spec.kernel_h - 1) * spec.dilation_h),
      reach_x_((spec.kernel_w - 1) * spec.dilation_w) {
  const std::vector<Run> runs = ContiguousRuns(spec);
  const int64_t total = spec.kernel_h * spec.kernel_w * spec.in_channels;
  const int64_t count = (total + kDepthBlock - 1) / kDepthBlock;
  const int64_t depth = (total + count - 1) / count;
  for (int64_t first = 0; first < total; first += depth) {
    const int64_t here = std::min(depth, total - first);
    blocks_.push_back({first, here, PiecesOf(runs, first, here)});
  }
}

void Gather::CopyPiece(const Piece& piece, const Window& window, int64_t height, int64_t width,
                       float* out) const {
  const int64_t y = window.y + piece.dy;
  const int64_t x = window.x + piece.dx;
  int64_t from = piece.end;  // an empty inside: all zeros
  int64_t to = piece.end;
  if (y >= 0 && y < height) {
    from = std::clamp(-x * channels_, piece.begin, piece.end);
    to = std::clamp((width - x) * channels_, from, piece.end);
  }
  std::fill(out, out + (from - piece.begin), 0.0f);
  if (from < to) {
    CopyFloats(window.image + (y * width + x) * channels_ + from, to - from,
               out + (from - piece.begin));
  }
  std::fill(out + (to - piece.begin), out + (piece.end - piece.begin), 0.0f);
}

bool Gather::IsInside(const Window& window, int64_t height, int64_t width) const {
  // One row to spare: there loose copies read what lies beyond their piece.
  return window.y >= 0 && window.x >= 0 && window.y + reach_y_ + 1 < height &&
         window.x + reach_x_ < width && width * channels_ >= kShort;
}

void Gather::Copy(const Block& block, const Window* windows, int64_t rows, int64_t height,
                  int64_t width, float* out) const {
  for (int64_t i = 0; i < rows; ++i) {
    const Window& window = windows[i];
    float* row = out + i * kRowStride;
    if (!IsInside(window, height, width)) {
      for (const Piece& piece : block.pieces) {
        CopyPiece(piece, window, height, width, row);
        row += piece.end - piece.begin;
      }
      continue;
    }
    const float* corner = window.image + (window.y * width + window.x) * channels_;
    for (const Piece& piece : block.pieces) {
      const int64_t count = piece.end - piece.begin;
      CopyFloatsLoosely(corner + (piece.dy * width + piece.dx) * channels_ + piece.begin, count,
                        row);
      row += count;
    }
  }
}

}  // namespace perforated_conv
