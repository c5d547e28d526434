// The product of a block of rows with packed weights, tile by tile.
#pragma once

#include <algorithm>
#include <cstdint>

#include "gather.h"
#include "kernels/kernel.h"
#include "pack.h"
#include "perforated_conv/perforated_conv.h"

namespace perforated_conv {

// Rows multiplied at once, at most: gathered, they stay in the second-level cache beside a panel,
// and a panel is used by several tiles before the next one is read.
constexpr int64_t kBlockRows = 96;

// Whole tiles of them.
template <typename T>
int64_t RowsPerBlock(const Kernel<T>& kernel) {
  return kBlockRows / kernel.tile_rows * kernel.tile_rows;
}

// Weights that stay in the second-level cache while tiles pass, in bytes.
constexpr int64_t kResidentWeights = 256 << 10;

// Rows `step` values apart.
template <typename T>
struct Rows {
  const T* data;
  int64_t step;
};

// Which product: rows [0, count) with the panels [first, last).
struct GemmBlock {
  int64_t count;
  int64_t first_panel, last_panel;
  const float* bias;     // of channel 0, padded to whole panels
  int64_t first_column;  // channel that goes to column 0 of the output rows
  float* partial;        // PartialFloats, or null if the depth is one block
};

// A convolution's weights in a kernel's order; W[Co, depth].
template <typename T>
class PanelGemm {
 public:
  PanelGemm(const Kernel<T>& kernel, const ConvSpec& spec, const float* weights)
      : kernel_(kernel),
        channels_(spec.out_channels),
        blocks_(spec, kernel.depth_step),
        panels_(weights, spec.out_channels, spec.kernel_h * spec.kernel_w * spec.in_channels,
                kernel) {}

  const DepthBlocks& depth() const { return blocks_; }
  int64_t panels() const { return panels_.count(); }

  int64_t PartialFloats(int64_t rows) const {
    return blocks_.blocks().size() > 1 ? rows * panels_.padded_channels() : 0;
  }

  // rows_of(depth block, begin, end) gives rows [begin, end) of the block's part of the depth,
  // padded as DepthBlocks says; it is called once for each tile of rows.
  template <typename Y, typename RowsOf>
  void Run(const GemmBlock& block, const Epilogue<Y>& out, const RowsOf& rows_of) const {
    const int64_t tiles = (block.count + kernel_.tile_rows - 1) / kernel_.tile_rows;
    Rows<T> rows[kBlockRows];
    for (const DepthBlocks::Block& depth : blocks_.blocks()) {
      // Even tiles: 15 rows are 8 + 7 rather than 14 + 1.
      for (int64_t i = 0; i < tiles; ++i) {
        rows[i] = rows_of(depth, block.count * i / tiles, block.count * (i + 1) / tiles);
      }
      const Pass<Y> pass = {block, out, depth, rows, tiles};
      RunPass(pass);
    }
  }

 private:
  template <typename Y>
  struct Pass {
    const GemmBlock& block;
    const Epilogue<Y>& out;
    const DepthBlocks::Block& depth;
    const Rows<T>* rows;
    int64_t tiles;
  };

  // Weights that stay in cache pass over each tile while it is hot; others are read once per block
  // and pass over all its tiles.
  template <typename Y>
  void RunPass(const Pass<Y>& pass) const {
    const GemmBlock& block = pass.block;
    const int64_t weights = pass.depth.depth * panels_.padded_channels();
    if (weights * static_cast<int64_t>(sizeof(T)) <= kResidentWeights) {
      for (int64_t i = 0; i < pass.tiles; ++i) {
        for (int64_t p = block.first_panel; p < block.last_panel; ++p) Tile(pass, i, p);
      }
    } else {
      for (int64_t p = block.first_panel; p < block.last_panel; ++p) {
        for (int64_t i = 0; i < pass.tiles; ++i) Tile(pass, i, p);
      }
    }
  }

  template <typename Y>
  void Tile(const Pass<Y>& pass, int64_t i, int64_t panel) const {
    const GemmBlock& block = pass.block;
    const int64_t begin = block.count * i / pass.tiles;
    const int64_t channel = panel * kernel_.panel_width;
    GemmTile<T, Y> tile;
    tile.rows = static_cast<int>(block.count * (i + 1) / pass.tiles - begin);
    tile.width = panels_.Width(panel);
    tile.depth = pass.depth.padded;
    tile.a = pass.rows[i].data;
    tile.a_step = pass.rows[i].step;
    tile.b = panels_.Row(panel, pass.depth.first);
    tile.bias = block.bias + channel;
    const int64_t before = channel - block.first_panel * kernel_.panel_width;
    tile.partial = block.partial + before * block.count + begin * tile.width;
    tile.first = &pass.depth == &blocks_.blocks().front();
    tile.last = &pass.depth == &blocks_.blocks().back();
    tile.column = channel - block.first_column;
    tile.row = begin;
    tile.channels = std::min<int64_t>(tile.width, channels_ - channel);
    tile.out = &pass.out;
    Call(tile);
  }

  void Call(const GemmTile<T, T>& tile) const { kernel_.gemm(tile); }
  template <typename Y>
  void Call(const GemmTile<T, Y>& tile) const {
    kernel_.gemm_to_float(tile);
  }

  const Kernel<T>& kernel_;
  const int64_t channels_;
  const DepthBlocks blocks_;
  const PackedPanels<T> panels_;
};

}  // namespace perforated_conv
