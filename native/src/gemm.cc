#include <algorithm>
#include <type_traits>

#include "conv.h"
#include "kernel_use.h"
#include "panel_gemm.h"

namespace perforated_conv {
namespace {

// Windows, or the input itself where the tile's pixels are neighbours in it.
struct PointwiseSource {
  WindowSource<float, float> windows;
  const CallContext& context;
  int64_t begin;  // of the block, in the plan
  int64_t channels;

  Rows<float> operator()(const DepthBlocks::Block& depth, int64_t from, int64_t to) const {
    const int64_t first = context.plan.Pixel(begin + from);
    const int64_t last = context.plan.Pixel(begin + to - 1);
    if (last - first != to - from - 1) return windows(depth, from, to);
    return {context.call.x + first * channels + depth.first, channels};
  }
};

// T: what the kernel multiplies; the maps are float.
template <typename T>
class GemmWork final : public PixelWork {
 public:
  GemmWork(const Kernel<T>& kernel, const ConvSpec& spec, const float* weights)
      : kernel_(kernel), spec_(spec), gather_(spec, kernel), gemm_(kernel, spec, weights) {}

  void Run(const CallContext& context, int64_t begin, int64_t end) const override {
    const int64_t pixels = std::min(RowsPerBlock(kernel_), end - begin);
    const int64_t panel = WindowSource<float, T>::PanelValues();
    const int64_t partial = gemm_.PartialFloats(pixels);
    ArenaPool::Lease arena(ArenaPool::ForTiles(), Sites::Bytes(pixels) + Arena::Bytes<T>(panel) +
                                                      Arena::Bytes<float>(partial));
    const Sites sites = Sites::In(*arena, pixels);
    T* gathered = arena->Take<T>(panel);
    GemmBlock block = {0, 0, gemm_.panels(), context.bias, 0, arena->Take<float>(partial)};
    const KernelUse<T> use(kernel_);
    for (int64_t at = begin; at < end; at += pixels) {
      block.count = std::min(pixels, end - at);
      sites.Locate(spec_, context, at, block.count);
      Multiply(context, sites, gathered, block, at);
    }
  }

  int tile_rows() const override { return kernel_.tile_rows; }

 private:
  void Multiply(const CallContext& context, const Sites& sites, T* gathered, const GemmBlock& block,
                int64_t begin) const {
    const ConvCall& call = context.call;
    const WindowSource<float, T> windows = {gather_, sites.windows, call.height, call.width,
                                            gathered};
    const Epilogue<float> out = sites.rows.Rows(context.out);
    if constexpr (std::is_same_v<T, float>) {
      if (spec_.IsPointwise()) {
        return gemm_.Run(block, out, PointwiseSource{windows, context, begin, spec_.in_channels});
      }
    }
    gemm_.Run(block, out, windows);
  }

  const Kernel<T>& kernel_;
  const ConvSpec spec_;
  const Gather<float, T> gather_;
  const PanelGemm<T> gemm_;
};

}  // namespace

template <typename T>
std::unique_ptr<PixelWork> MakeGemmWork(const Kernel<T>& kernel, const ConvSpec& spec,
                                        const float* weights) {
  return std::make_unique<GemmWork<T>>(kernel, spec, weights);
}

template std::unique_ptr<PixelWork> MakeGemmWork(const Kernel<float>&, const ConvSpec&,
                                                 const float*);
template std::unique_ptr<PixelWork> MakeGemmWork(const Kernel<bf16>&, const ConvSpec&,
                                                 const float*);

}  // namespace perforated_conv
