// Input windows of chosen output pixels, copied side by side for the kernel.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel.h"
#include "perforated_conv/perforated_conv.h"

namespace perforated_conv {

// Where the window of one output pixel starts; y and x may lie outside the map.
template <typename S>
struct Window {
  const S* image;  // [height, width, in_channels]
  int64_t y, x;
};

// The depth axis (ky, kx, channel) of one spec, cut into blocks of at most kDepthBlock, and each
// block into pieces that are contiguous in the input: a kernel row where dilation_w is 1, else a
// tap.
class DepthBlocks {
 public:
  DepthBlocks(const ConvSpec& spec, int depth_step);

  struct Piece {
    int64_t dy, dx;      // of the run's first tap, from the window's corner
    int64_t begin, end;  // the part of the run (taps * in_channels values) that this block holds
  };
  struct Block {
    int64_t first, depth;  // part of the depth axis
    int64_t padded;        // depth rounded up to whole steps
    std::vector<Piece> pieces;
  };

  const std::vector<Block>& blocks() const { return blocks_; }

 private:
  std::vector<Block> blocks_;
};

// Values that a copy of a short piece may write beyond its row's depth, of windows larger than a
// pixel.
constexpr int64_t kLooseCopy = 16;

// Copies windows of a map of S into rows of T.
template <typename S, typename T>
class Gather {
 public:
  Gather(const ConvSpec& spec, const Kernel<T>& kernel);

  // out[i][k], rows `step` apart, for k of the block; zeros outside the map and after the depth.
  void Copy(const DepthBlocks::Block& block, const Window<S>* windows, int64_t rows, int64_t height,
            int64_t width, T* out, int64_t step) const;

 private:
  void CopyPiece(const DepthBlocks::Piece& piece, const Window<S>& window, int64_t height,
                 int64_t width, T* out) const;
  void CopyInside(const DepthBlocks::Block& block, const S* corner, int64_t width, T* out) const;

  // True if no tap of the window is outside, nor what a loose copy reads beyond it.
  bool IsInside(const Window<S>& window, int64_t height, int64_t width) const;

  const Kernel<T>& kernel_;
  int64_t channels_, reach_y_, reach_x_;
};

}  // namespace perforated_conv
