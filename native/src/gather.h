// Input windows of chosen output pixels, copied side by side for the kernel.
#pragma once

#include <cstdint>
#include <vector>

#include "perforated_conv/perforated_conv.h"

namespace perforated_conv {

// Where the window of one output pixel starts; y and x may lie outside the map.
struct Window {
  const float* image;  // [height, width, in_channels]
  int64_t y, x;
};

// The depth axis (ky, kx, channel) of one spec, cut into blocks of at most kDepthBlock, and each
// block into pieces that are contiguous in the input: a kernel row where dilation_w is 1, else a
// tap.
class Gather {
 public:
  explicit Gather(const ConvSpec& spec);

  struct Piece {
    int64_t dy, dx;      // of the run's first tap, from the window's corner
    int64_t run;         // floats of the whole contiguous run, taps * in_channels
    int64_t begin, end;  // the part of the run that this block holds
  };
  struct Block {
    int64_t first, depth;  // part of the depth axis
    std::vector<Piece> pieces;
  };

  const std::vector<Block>& blocks() const { return blocks_; }

  // out[i][k], rows kRowStride apart, for k of the block; zeros outside the map.
  void Copy(const Block& block, const Window* windows, int64_t rows, int64_t height, int64_t width,
            float* out) const;

 private:
  void CopyPiece(const Piece& piece, const Window& window, int64_t height, int64_t width,
                 float* out) const;

  // True if no tap of the window is outside, nor what a loose copy reads beyond it.
  bool IsInside(const Window& window, int64_t height, int64_t width) const;

  int64_t channels_, reach_y_, reach_x_;
  std::vector<Block> blocks_;
};

}  // namespace perforated_conv
