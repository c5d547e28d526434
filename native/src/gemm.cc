#include <algorithm>

#include "conv.h"
#include "scratch.h"

namespace perforated_conv {
namespace {

// Gathered at once: small enough to stay in the second-level cache beside a panel, large enough
// that a panel is used by several tiles before the next one is read.
constexpr int64_t kBlockPixels = 84;

// Buffers of one chunk.
struct Buffers {
  Sites sites;
  float* a;        // [pixels][kRowStride]
  float* partial;  // [panel][pixels][width], if the depth takes several blocks
};

class GemmWork final : public PixelWork {
 public:
  GemmWork(const Kernel& kernel, const ConvSpec& spec, const float* weights)
      : kernel_(kernel),
        spec_(spec),
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
      Block(context, buffers, count);
    }
  }

 private:
  // All output channels of `count` located pixels.
  void Block(const CallContext& context, const Buffers& buffers, int64_t count) const {
    for (const Gather::Block& block : gather_.blocks()) {
      gather_.Copy(block, buffers.sites.windows, count, context.call.height, context.call.width,
                   buffers.a);
      for (int64_t panel = 0; panel < panels_.count(); ++panel) {
        Panel(context, buffers, count, block, panel);
      }
    }
  }

  void Panel(const CallContext& context, const Buffers& buffers, int64_t count,
             const Gather::Block& block, int64_t panel) const {
    GemmTile tile;
    tile.width = panels_.Width(panel);
    tile.depth = block.depth;
    tile.b = panels_.Row(panel, block.first);
    tile.column = panel * kernel_.panel_width;
    tile.bias = context.bias + tile.column;
    tile.channels = std::min<int64_t>(tile.width, spec_.out_channels - tile.column);
    tile.first = &block == &gather_.blocks().front();
    tile.last = &block == &gather_.blocks().back();

    // Even tiles: 15 pixels are 8 + 7 rather than 14 + 1.
    const int64_t tiles = (count + kernel_.tile_rows - 1) / kernel_.tile_rows;
    int64_t done = 0;
    for (int64_t i = 0; i < tiles; ++i) {
      tile.rows = static_cast<int>((count - done + tiles - i - 1) / (tiles - i));
      tile.a = buffers.a + done * kRowStride;
      tile.partial = buffers.partial + tile.column * count + done * tile.width;
      tile.out = buffers.sites.From(done, spec_, context);
      kernel_.gemm(tile);
      done += tile.rows;
    }
  }

  const Kernel& kernel_;
  const ConvSpec spec_;
  const Gather gather_;
  const PackedPanels panels_;
};

}  // namespace

std::unique_ptr<PixelWork> MakeGemmWork(const Kernel& kernel, const ConvSpec& spec,
                                        const float* weights) {
  return std::make_unique<GemmWork>(kernel, spec, weights);
}

}  // namespace perforated_conv
