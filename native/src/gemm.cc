#include <algorithm>

#include "conv.h"
#include "scratch.h"

namespace perforated_conv {
namespace {

// Gathered at once: small enough to stay in the second-level cache beside a panel, large enough
// that a panel is used by several tiles before the next one is read.
constexpr int64_t kBlockPixels = 84;

// Floats of weights that stay in the second-level cache while tiles pass.
constexpr int64_t kResidentWeights = 64 << 10;

// Buffers of one chunk.
struct Buffers {
  Sites sites;
  float* a;        // [pixels][kRowStride]
  float* partial;  // [panel][pixels][width], if the depth takes several blocks
};

// A depth block of some pixels, gathered.
struct BlockRun {
  const CallContext& context;
  const Epilogue<float>& out;
  const Buffers& buffers;
  const Gather::Block& block;
  int64_t begin, count;  // of the plan
};

// A tile's rows of the block, wherever they lie.
struct Rows {
  const float* data;
  int64_t step;
};

// True if pixel i of the output sees exactly pixel i of the input.
bool IsPointwise(const ConvSpec& spec) {
  return spec.kernel_h == 1 && spec.kernel_w == 1 && spec.stride_h == 1 && spec.stride_w == 1 &&
         spec.pad_top == 0 && spec.pad_left == 0 && spec.pad_bottom == 0 && spec.pad_right == 0;
}

class GemmWork final : public PixelWork {
 public:
  GemmWork(const Kernel<float>& kernel, const ConvSpec& spec, const float* weights)
      : kernel_(kernel),
        spec_(spec),
        pointwise_(IsPointwise(spec)),
        gather_(spec),
        panels_(weights, spec.out_channels, spec.kernel_h * spec.kernel_w * spec.in_channels,
                kernel.panel_width) {}

  void Run(const CallContext& context, int64_t begin, int64_t end) const override {
    const int64_t pixels = std::min(kBlockPixels, end - begin);
    const int64_t partials = gather_.blocks().size() > 1 ? pixels * panels_.padded_channels() : 0;
    ArenaPool::Lease arena(ArenaPool::ForTiles(), Sites::Bytes(pixels) +
                                                      Arena::Bytes<float>(pixels * kRowStride) +
                                                      Arena::Bytes<float>(partials));
    const Buffers buffers = {Sites::In(*arena, pixels), arena->Take<float>(pixels * kRowStride),
                             arena->Take<float>(partials)};
    for (int64_t at = begin; at < end; at += pixels) {
      const int64_t count = std::min(pixels, end - at);
      buffers.sites.Locate(spec_, context, at, count);
      Block(context, buffers, at, count);
    }
  }

 private:
  // All output channels of `count` located pixels.
  void Block(const CallContext& context, const Buffers& buffers, int64_t begin,
             int64_t count) const {
    const Epilogue<float> out = buffers.sites.Rows(spec_, context);
    for (const Gather::Block& block : gather_.blocks()) {
      const BlockRun run = {context, out, buffers, block, begin, count};
      const int64_t tiles = (count + kernel_.tile_rows - 1) / kernel_.tile_rows;
      Rows rows[kBlockPixels];
      for (int64_t i = 0; i < tiles; ++i)
        rows[i] = RowsOf(run, count * i / tiles, count * (i + 1) / tiles);
      // Weights that stay in cache pass over each tile while it is hot; others are read once per
      // block and pass over all its tiles.
      if (block.depth * panels_.padded_channels() <= kResidentWeights) {
        for (int64_t i = 0; i < tiles; ++i) {
          for (int64_t panel = 0; panel < panels_.count(); ++panel)
            Tile(run, rows[i], tiles, i, panel);
        }
      } else {
        for (int64_t panel = 0; panel < panels_.count(); ++panel) {
          for (int64_t i = 0; i < tiles; ++i) Tile(run, rows[i], tiles, i, panel);
        }
      }
    }
  }

  // Pixels [begin, end) of the run: gathered, or in place where they are neighbours in the input.
  Rows RowsOf(const BlockRun& run, int64_t begin, int64_t end) const {
    const ConvCall& call = run.context.call;
    const int64_t first = run.context.plan.Pixel(run.begin + begin);
    const int64_t last = run.context.plan.Pixel(run.begin + end - 1);
    if (pointwise_ && last - first == end - begin - 1) {
      return {call.x + first * spec_.in_channels + run.block.first, spec_.in_channels};
    }
    float* a = run.buffers.a + begin * kRowStride;
    gather_.Copy(run.block, run.buffers.sites.windows + begin, end - begin, call.height, call.width,
                 a);
    return {a, kRowStride};
  }

  // Tile i of `tiles` even ones: 15 pixels are 8 + 7 rather than 14 + 1.
  void Tile(const BlockRun& run, const Rows& rows, int64_t tiles, int64_t i, int64_t panel) const {
    const int64_t begin = run.count * i / tiles;
    const int64_t end = run.count * (i + 1) / tiles;
    GemmTile<float, float> tile;
    tile.rows = static_cast<int>(end - begin);
    tile.width = panels_.Width(panel);
    tile.depth = run.block.depth;
    tile.a = rows.data;
    tile.a_step = rows.step;
    tile.b = panels_.Row(panel, run.block.first);
    tile.column = panel * kernel_.panel_width;
    tile.bias = run.context.bias + tile.column;
    tile.partial = run.buffers.partial + tile.column * run.count + begin * tile.width;
    tile.channels = std::min<int64_t>(tile.width, spec_.out_channels - tile.column);
    tile.first = &run.block == &gather_.blocks().front();
    tile.last = &run.block == &gather_.blocks().back();
    tile.row = begin;
    tile.out = &run.out;
    kernel_.gemm(tile);
  }

  const Kernel<float>& kernel_;
  const ConvSpec spec_;
  const bool pointwise_;
  const Gather gather_;
  const PackedPanels panels_;
};

}  // namespace

std::unique_ptr<PixelWork> MakeGemmWork(const Kernel<float>& kernel, const ConvSpec& spec,
                                        const float* weights) {
  return std::make_unique<GemmWork>(kernel, spec, weights);
}

}  // namespace perforated_conv
