#include "gather.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

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

std::vector<DepthBlocks::Piece> PiecesOf(const std::vector<Run>& runs, int64_t first,
                                         int64_t depth) {
  std::vector<DepthBlocks::Piece> pieces;
  int64_t start = 0;
  for (const Run& run : runs) {
    const int64_t begin = std::max<int64_t>(first - start, 0);
    const int64_t end = std::min(first + depth - start, run.length);
    if (begin < end) pieces.push_back({run.dy, run.dx, begin, end});
    start += run.length;
  }
  return pieces;
}

// Values a short copy moves whatever its length: a copy of known size needs no call.
constexpr int64_t kShort = kLooseCopy;
static_assert(kDepthBlock + kShort <= kRowStride<float>,
              "short copies may write beyond the row's depth");

template <typename T>
void CopyValues(const Kernel<T>&, const T* from, int64_t count, T* to) {
  std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
}

void CopyValues(const Kernel<bf16>& kernel, const float* from, int64_t count, bf16* to) {
  kernel.narrow(from, to, count);
}

// Reads and writes up to kShort values more than `count`.
template <typename T>
void CopyLoosely(const T* from, int64_t count, T* to) {
  if (count <= kShort) {
    std::memcpy(to, from, kShort * sizeof(T));
  } else {
    std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
  }
}

}  // namespace

DepthBlocks::DepthBlocks(const ConvSpec& spec, int depth_step) {
  const auto whole = [=](int64_t n) { return (n + depth_step - 1) / depth_step * depth_step; };
  const std::vector<Run> runs = ContiguousRuns(spec);
  const int64_t total = spec.kernel_h * spec.kernel_w * spec.in_channels;
  const int64_t count = (total + kDepthBlock - 1) / kDepthBlock;
  const int64_t depth = whole((total + count - 1) / count);
  for (int64_t first = 0; first < total; first += depth) {
    const int64_t here = std::min(depth, total - first);
    blocks_.push_back({first, here, whole(here), PiecesOf(runs, first, here)});
  }
}

template <typename S, typename T>
Gather<S, T>::Gather(const ConvSpec& spec, const Kernel<T>& kernel)
    : kernel_(kernel),
      channels_(spec.in_channels),
      reach_y_((spec.kernel_h - 1) * spec.dilation_h),
      reach_x_((spec.kernel_w - 1) * spec.dilation_w) {}

template <typename S, typename T>
void Gather<S, T>::CopyPiece(const DepthBlocks::Piece& piece, const Window<S>& window,
                             int64_t height, int64_t width, T* out) const {
  const int64_t y = window.y + piece.dy;
  const int64_t x = window.x + piece.dx;
  int64_t from = piece.end;  // an empty inside: all zeros
  int64_t to = piece.end;
  if (y >= 0 && y < height) {
    from = std::clamp(-x * channels_, piece.begin, piece.end);
    to = std::clamp((width - x) * channels_, from, piece.end);
  }
  std::fill(out, out + (from - piece.begin), T{});
  if (from < to) {
    CopyValues(kernel_, window.image + (y * width + x) * channels_ + from, to - from,
               out + (from - piece.begin));
  }
  std::fill(out + (to - piece.begin), out + (piece.end - piece.begin), T{});
}

// Pieces one after another, from the window's corner.
template <typename S, typename T>
void Gather<S, T>::CopyInside(const DepthBlocks::Block& block, const S* corner, int64_t width,
                              T* out) const {
  for (const DepthBlocks::Piece& piece : block.pieces) {
    const int64_t count = piece.end - piece.begin;
    CopyLoosely(corner + (piece.dy * width + piece.dx) * channels_ + piece.begin, count, out);
    out += count;
  }
}

// Whole vectors cost less than parts of them; what a piece writes beyond its end the next one
// overwrites.
template <>
void Gather<float, bf16>::CopyInside(const DepthBlocks::Block& block, const float* corner,
                                     int64_t width, bf16* out) const {
  const DepthBlocks::Piece& last = block.pieces.back();
  for (const DepthBlocks::Piece& piece : block.pieces) {
    const int64_t count = piece.end - piece.begin;
    const bool loose = count < kShort && &piece != &last && last.end - last.begin >= kShort - count;
    kernel_.narrow(corner + (piece.dy * width + piece.dx) * channels_ + piece.begin, out,
                   loose ? kShort : count);
    out += count;
  }
}

template <typename S, typename T>
bool Gather<S, T>::IsInside(const Window<S>& window, int64_t height, int64_t width) const {
  // One row to spare: there loose copies read what lies beyond their piece.
  return window.y >= 0 && window.x >= 0 && window.y + reach_y_ + 1 < height &&
         window.x + reach_x_ < width && width * channels_ >= kShort;
}

template <typename S, typename T>
void Gather<S, T>::Copy(const DepthBlocks::Block& block, const Window<S>* windows, int64_t rows,
                        int64_t height, int64_t width, T* out, int64_t step) const {
  for (int64_t i = 0; i < rows; ++i) {
    T* row = out + i * step;
    if (IsInside(windows[i], height, width)) {
      const S* corner = windows[i].image + (windows[i].y * width + windows[i].x) * channels_;
      CopyInside(block, corner, width, row);
    } else {
      T* at = row;
      for (const DepthBlocks::Piece& piece : block.pieces) {
        CopyPiece(piece, windows[i], height, width, at);
        at += piece.end - piece.begin;
      }
    }
    std::fill(row + block.depth, row + block.padded, T{});
  }
}

template class Gather<float, float>;
template class Gather<float, bf16>;
template class Gather<bf16, bf16>;

}  // namespace perforated_conv
