#include <algorithm>

#include "conv.h"
#include "pack.h"
#include "runs.h"

namespace perforated_conv {
namespace {

// Pixels whose taps are looked up at once, and channels that pass over them before the next: the
// weights of that many channels stay in the first-level cache.
constexpr int64_t kBlockPixels = 32;
constexpr int64_t kBlockChannels = 128;
static_assert(kBlockPixels % kDepthwiseRows == 0, "blocks are whole tiles");

class DepthwiseWork final : public PixelWork {
 public:
  DepthwiseWork(const Kernel<float>& kernel, const ConvSpec& spec, const float* weights)
      : kernel_(kernel),
        spec_(spec),
        taps_(spec.kernel_h * spec.kernel_w),
        weights_(PackDepthwise(weights, spec.in_channels, taps_)),
        zeros_(static_cast<size_t>(spec.in_channels), 0.0f) {}

  void Run(const CallContext& context, int64_t begin, int64_t end) const override {
    const int64_t pointers = kBlockPixels * taps_;
    ArenaPool::Lease arena(ArenaPool::ForTiles(),
                           Sites::Bytes(kBlockPixels) + Arena::Bytes<const float*>(pointers));
    const Sites sites = Sites::In(*arena, kBlockPixels);
    const float** taps = arena->Take<const float*>(pointers);
    while (begin < end) {
      // Runs do not keep V of the coarse grid.
      const PixelRun run = context.out.coarse != nullptr
                               ? PixelRun{end, end, 0, nullptr}
                               : NextRun(spec_, context, begin, end, kDepthwiseRows);
      Scattered(context, sites, taps, begin, run.begin);
      if (run.begin < run.end) SideBySide(context, run);
      begin = run.end;
    }
  }

  int tile_rows() const override { return kDepthwiseRows; }

 private:
  void SideBySide(const CallContext& context, const PixelRun& pixels) const {
    const int64_t channels = spec_.in_channels;
    const int64_t at = pixels.pixel * channels;
    const int64_t tap_step = spec_.dilation_w * channels;
    const int64_t row_step = spec_.dilation_h * context.call.width * channels;
    const float* r = context.call.residual == nullptr ? nullptr : context.call.residual + at;
    DepthwiseRun<float> run;
    run.pixels = pixels.end - pixels.begin;
    run.kernel_h = spec_.kernel_h;
    run.kernel_w = spec_.kernel_w;
    run.row_step = row_step;
    run.tap_step = tap_step;
    run.pixel_step = spec_.stride_w * channels;
    run.w_step = run.y_step = channels;
    run.x = pixels.first;
    run.w = weights_.data();
    run.bias = context.bias;
    run.r = r;
    run.low = Low(spec_.activation);
    run.high = High(spec_.activation);
    run.y = context.call.y + at;
    for (run.begin = 0; run.begin < channels; run.begin = run.end) {
      run.end = std::min(run.begin + kBlockChannels, channels);
      kernel_.depthwise_run(run);
    }
  }

  void Scattered(const CallContext& context, const Sites& sites, const float** taps, int64_t begin,
                 int64_t end) const {
    for (int64_t at = begin; at < end; at += kBlockPixels) {
      const int64_t count = std::min(kBlockPixels, end - at);
      sites.Locate(spec_, context, at, count);
      for (int64_t i = 0; i < count; ++i) {
        LookUp(context.call, sites.windows[i],
               taps + i / kDepthwiseRows * kDepthwiseRows * taps_ + i % kDepthwiseRows);
      }
      Block(context, sites, taps, count);
    }
  }

  // out[t * kDepthwiseRows]: the input pixel under tap t, or zeros outside the map.
  void LookUp(const ConvCall& call, const Window<float>& window, const float** out) const {
    const int64_t bottom = window.y + (spec_.kernel_h - 1) * spec_.dilation_h;
    const int64_t right = window.x + (spec_.kernel_w - 1) * spec_.dilation_w;
    if (window.y < 0 || window.x < 0 || bottom >= call.height || right >= call.width) {
      return LookUpAtEdge(call, window, out);
    }
    const float* row = window.image + (window.y * call.width + window.x) * spec_.in_channels;
    const int64_t row_step = spec_.dilation_h * call.width * spec_.in_channels;
    const int64_t tap_step = spec_.dilation_w * spec_.in_channels;
    for (int64_t ky = 0; ky < spec_.kernel_h; ++ky, row += row_step) {
      const float* tap = row;
      for (int64_t kx = 0; kx < spec_.kernel_w; ++kx, tap += tap_step, out += kDepthwiseRows) {
        *out = tap;
      }
    }
  }

  void LookUpAtEdge(const ConvCall& call, const Window<float>& window, const float** out) const {
    for (int64_t ky = 0; ky < spec_.kernel_h; ++ky) {
      const int64_t y = window.y + ky * spec_.dilation_h;
      for (int64_t kx = 0; kx < spec_.kernel_w; ++kx, out += kDepthwiseRows) {
        const int64_t x = window.x + kx * spec_.dilation_w;
        const bool hit = y >= 0 && y < call.height && x >= 0 && x < call.width;
        *out = hit ? window.image + (y * call.width + x) * spec_.in_channels : zeros_.data();
      }
    }
  }

  void Block(const CallContext& context, const Sites& sites, const float* const* taps,
             int64_t count) const {
    const Epilogue<float> out = sites.rows.Rows(context.out);
    DepthwiseTile<float> tile;
    tile.out = &out;
    tile.taps = taps_;
    tile.stride = spec_.in_channels;
    tile.w = weights_.data();
    tile.bias = context.bias;
    for (tile.begin = 0; tile.begin < spec_.in_channels; tile.begin = tile.end) {
      tile.end = std::min(tile.begin + kBlockChannels, spec_.in_channels);
      for (int64_t i = 0; i < count; i += kDepthwiseRows) {
        tile.rows = static_cast<int>(std::min<int64_t>(kDepthwiseRows, count - i));
        tile.x = taps + i * taps_;
        tile.row = i;
        kernel_.depthwise(tile);
      }
    }
  }

  const Kernel<float>& kernel_;
  const ConvSpec spec_;
  const int64_t taps_;
  const std::vector<float> weights_;
  const std::vector<float> zeros_;
};

}  // namespace

std::unique_ptr<PixelWork> MakeDepthwiseWork(const Kernel<float>& kernel, const ConvSpec& spec,
                                             const float* weights) {
  return std::make_unique<DepthwiseWork>(kernel, spec, weights);
}

}  // namespace perforated_conv
