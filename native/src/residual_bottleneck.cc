// First convolution to a map of the inner element type; then for each tile of pixels middle and
// last convolution with the rows between them in cache, and the residual added on the way out.
#include <algorithm>

#include "bottleneck.h"
#include "kernel_use.h"
#include "panel_gemm.h"
#include "window_source.h"

namespace perforated_conv {
namespace {

template <typename T>
class ResidualBottleneck final : public Bottleneck::Impl {
 public:
  explicit ResidualBottleneck(const BlockParts<T>& parts)
      : kernels_(parts.kernels),
        spec_(parts.spec),
        rows_(RowsPerBlock(kernels_.inner)),
        width_(spec_.middle.in_channels),
        row_step_(RoundUp(spec_.middle.out_channels, kernels_.inner.depth_step)),
        gather_first_(*spec_.first, kernels_.inner),
        gather_middle_(spec_.middle, kernels_.inner),
        first_(kernels_.inner, *spec_.first, parts.weights.first),
        middle_(kernels_.inner, spec_.middle, parts.weights.middle),
        last_(kernels_.inner, spec_.last, parts.weights.last) {}

  void Run(const BottleneckCall& call, const Executor& executor) const override {
    BlockContext context(spec_, call);
    const int64_t map = context.inner.Pixels() * width_;
    const int64_t grid = context.interpolate ? GridMap(context.inner).Pixels() * width_ : 0;
    ArenaPool::Lease arena(ArenaPool::ForCalls(),
                           context.Bytes() + Arena::Bytes<T>(map) + Arena::Bytes<T>(grid));
    context.Prepare(*arena);
    const Call run = {context, WholeMap(context.inner, width_, arena->Take<T>(map)),
                      WholeMap(GridMap(context.inner), width_, arena->Take<T>(grid))};
    First(run, executor);
    if (context.interpolate) {
      FillRows(kernels_.inner, SkippedInner<T>(context, width_, run.coarse, run.inner), executor);
    }
    MiddleAndLast(run, executor);
    FillOutput(kernels_.outer, context, executor);
  }

 private:
  // What all items of a call share.
  struct Call {
    const BlockContext& context;
    MapView<T> inner;   // results of first
    MapView<T> coarse;  // V of its even pixels, if some are interpolated
  };

  void First(const Call& call, const Executor& executor) const {
    ForEachBlock(call.context.first.plan.count, rows_, executor,
                 [&](int64_t begin, int64_t count) { FirstRows(call, begin, count); });
  }

  void FirstRows(const Call& call, int64_t begin, int64_t count) const {
    const BlockContext& context = call.context;
    const BottleneckCall& input = context.call;
    const int64_t panel = WindowSource<float, T>::PanelValues();
    const int64_t partial = first_.PartialFloats(count);
    ArenaPool::Lease arena(ArenaPool::ForTiles(),
                           Arena::Bytes<T>(panel) + Arena::Bytes<float>(partial));
    Window<float> windows[kBlockRows];
    LocateWindows(*spec_.first, input.x, input.height * input.width * spec_.first->in_channels,
                  context.inner, context.first.plan, begin, count, windows);
    InnerRows<T> rows;
    rows.Locate(context, call.inner, call.coarse, begin, count);
    const WindowSource<float, T> source = {gather_first_, windows, input.height, input.width,
                                           arena->Take<T>(panel)};
    const KernelUse<T> use(kernels_.inner);
    first_.Run({count, 0, first_.panels(), context.first_bias, 0, arena->Take<float>(partial)},
               rows.Rows(context), source);
  }

  void MiddleAndLast(const Call& call, const Executor& executor) const {
    ForEachBlock(call.context.last.plan.count, rows_, executor,
                 [&](int64_t begin, int64_t count) { TileOfPixels(call, begin, count); });
  }

  void TileOfPixels(const Call& call, int64_t begin, int64_t count) const {
    const BlockContext& context = call.context;
    const int64_t panel = WindowSource<T, T>::PanelValues();
    const int64_t results = kBlockRows * row_step_;
    const int64_t partial = std::max(middle_.PartialFloats(count), last_.PartialFloats(count));
    ArenaPool::Lease arena(ArenaPool::ForTiles(), OutRows::Bytes(count) + Arena::Bytes<T>(panel) +
                                                      Arena::Bytes<T>(results) +
                                                      Arena::Bytes<float>(partial));
    const OutRows rows = OutRows::In(*arena, count);
    T* gathered = arena->Take<T>(panel);
    T* between = arena->Take<T>(results);
    float* sums = arena->Take<float>(partial);
    const KernelUse<T> use(kernels_.inner);
    Middle(call, begin, {count, 0, middle_.panels(), context.middle_bias, 0, sums}, gathered,
           between);
    rows.Locate(context.out, context.last.plan, begin, count);
    last_.Run({count, 0, last_.panels(), context.last_bias, 0, sums}, rows.Rows(context.out),
              RowSource<T>{between, row_step_});
  }

  void Middle(const Call& call, int64_t begin, const GemmBlock& block, T* gathered,
              T* between) const {
    const BlockContext& context = call.context;
    const OutMap& inner = context.inner;
    Window<T> windows[kBlockRows];
    LocateWindows<T>(spec_.middle, call.inner.base, call.inner.image_step, context.out.map,
                     context.last.plan, begin, block.count, windows);
    T* y[kBlockRows];
    for (int64_t i = 0; i < block.count; ++i) {
      y[i] = between + i * row_step_;
      std::fill(y[i] + spec_.middle.out_channels, y[i] + row_step_, T{});
    }
    const Epilogue<T> out = {y, nullptr, nullptr, Low(spec_.inner_activation),
                             High(spec_.inner_activation)};
    middle_.Run(block, out,
                WindowSource<T, T>{gather_middle_, windows, inner.height, inner.width, gathered});
  }

  const BlockKernels<T> kernels_;
  const BottleneckSpec spec_;
  const int64_t rows_;  // multiplied at once
  const int64_t width_, row_step_;
  const Gather<float, T> gather_first_;
  const Gather<T, T> gather_middle_;
  const PanelGemm<T> first_, middle_, last_;
};

}  // namespace

template <typename T>
BlockImpl MakeResidualBottleneck(const BlockParts<T>& parts) {
  return std::make_unique<const ResidualBottleneck<T>>(parts);
}

template BlockImpl MakeResidualBottleneck(const BlockParts<float>&);
template BlockImpl MakeResidualBottleneck(const BlockParts<bf16>&);

}  // namespace perforated_conv
