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
class ResidualBottleneck final : public Bottleneck::Work {
 public:
  ResidualBottleneck(const BlockKernels<T>& kernels, const BottleneckSpec& spec,
                     const BottleneckWeights& weights)
      : kernels_(kernels),
        spec_(spec),
        rows_(RowsPerBlock(kernels.inner)),
        width_(spec.middle.in_channels),
        row_step_(RoundUp(spec.middle.out_channels, kernels.inner.depth_step)),
        gather_first_(*spec.first, kernels.inner),
        gather_middle_(spec.middle, kernels.inner),
        first_(kernels.inner, *spec.first, weights.first),
        middle_(kernels.inner, spec.middle, weights.middle),
        last_(kernels.inner, spec.last, weights.last) {}

  void Run(const BottleneckCall& call, const Executor& executor) const override {
    BlockContext context(spec_, call);
    const int64_t map = context.inner.Pixels() * width_;
    const int64_t grid = context.interpolate ? GridMap(context.inner).Pixels() * width_ : 0;
    ArenaPool::Lease arena(
        ArenaPool::ForCalls(),
        context.Bytes() + Arena::Bytes<T>(map) + Arena::Bytes<T>(grid) + PaddedBiasBytes(width_) +
            PaddedBiasBytes(spec_.middle.out_channels) + PaddedBiasBytes(spec_.last.out_channels));
    context.MakePlans(*arena);
    const Call run = {context,
                      PadBias(*arena, call.first_bias, width_),
                      PadBias(*arena, call.middle_bias, spec_.middle.out_channels),
                      PadBias(*arena, call.last_bias, spec_.last.out_channels),
                      WholeMap(context.inner, width_, arena->Take<T>(map)),
                      WholeMap(GridMap(context.inner), width_, arena->Take<T>(grid))};
    First(run, executor);
    if (context.interpolate) Interpolate(run, executor);
    MiddleAndLast(run, executor);
    FillOutput(kernels_.outer, context, executor);
  }

 private:
  // What all items of a call share.
  struct Call {
    const BlockContext& context;
    const float* first_bias;
    const float* middle_bias;
    const float* last_bias;
    MapView<T> inner;   // results of first
    MapView<T> coarse;  // V of its even pixels, if some are interpolated
  };

  void First(const Call& call, const Executor& executor) const {
    const Chunks chunks = EvenChunks(call.context.first.plan.count, rows_);
    auto compute = [&](int64_t i) {
      ForEachBlock(chunks, i, rows_,
                   [&](int64_t begin, int64_t count) { FirstRows(call, begin, count); });
    };
    ForEachItem(chunks.Count(), executor, compute);
  }

  void FirstRows(const Call& call, int64_t begin, int64_t count) const {
    const BlockContext& context = call.context;
    const BottleneckCall& input = context.call;
    const int64_t panel = WindowSource<float, T>::PanelValues();
    const int64_t partial = first_.PartialFloats(count);
    ArenaPool::Lease arena(ArenaPool::ForTiles(),
                           Arena::Bytes<T>(panel) + Arena::Bytes<float>(partial));
    Window<float> windows[kBlockRows];
    LocateWindows(*spec_.first, input.x, input.height, input.width, context.inner,
                  context.first.plan, begin, count, windows);
    T* y[kBlockRows];
    T* raw[kBlockRows];
    LocateInner(call, begin, count, y, raw);
    const Epilogue<T> out = {y, nullptr, context.interpolate ? raw : nullptr,
                             Low(spec_.inner_activation), High(spec_.inner_activation)};
    const WindowSource<float, T> source = {gather_first_, windows, input.height, input.width,
                                           arena->Take<T>(panel)};
    const KernelUse<T> use(kernels_.inner);
    first_.Run({count, 0, first_.panels(), call.first_bias, 0, arena->Take<float>(partial)}, out,
               source);
  }

  static void LocateInner(const Call& call, int64_t begin, int64_t count, T** y, T** raw) {
    const Plan& plan = call.context.first.plan;
    PixelCursor at(call.context.inner, plan.Pixel(begin));
    for (int64_t i = 0; i < count; ++i) {
      at.MoveTo(plan.Pixel(begin + i));
      y[i] = call.inner.At(at.image(), at.y(), at.x());
      if (!call.context.interpolate) continue;
      const bool even = at.y() % 2 == 0 && at.x() % 2 == 0;
      raw[i] = even ? call.coarse.At(at.image(), at.y() / 2, at.x() / 2) : nullptr;
    }
  }

  void Interpolate(const Call& call, const Executor& executor) const {
    const MapView<const T> grid = {call.coarse.base, call.coarse.image_step, call.coarse.row_step,
                                   call.coarse.pixel_step, 0};
    const Filler<T> filler(kernels_.inner,
                           {call.context.inner, call.context.call.mask, width_, grid, nullptr,
                            call.inner, Low(spec_.inner_activation), High(spec_.inner_activation)});
    FillRows(filler, call.context.inner, executor);
  }

  void MiddleAndLast(const Call& call, const Executor& executor) const {
    const Chunks chunks = EvenChunks(call.context.last.plan.count, rows_);
    auto compute = [&](int64_t i) {
      ForEachBlock(chunks, i, rows_,
                   [&](int64_t begin, int64_t count) { TileOfPixels(call, begin, count); });
    };
    ForEachItem(chunks.Count(), executor, compute);
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
    Middle(call, begin, {count, 0, middle_.panels(), call.middle_bias, 0, sums}, gathered, between);
    rows.Locate(context, begin, count);
    last_.Run({count, 0, last_.panels(), call.last_bias, 0, sums}, rows.Rows(context),
              RowSource<T>{between, row_step_});
  }

  void Middle(const Call& call, int64_t begin, const GemmBlock& block, T* gathered,
              T* between) const {
    const BlockContext& context = call.context;
    Window<T> windows[kBlockRows];
    LocateWindows<T>(spec_.middle, call.inner.base, context.inner.height, context.inner.width,
                     context.out, context.last.plan, begin, block.count, windows);
    T* y[kBlockRows];
    for (int64_t i = 0; i < block.count; ++i) {
      y[i] = between + i * row_step_;
      std::fill(y[i] + spec_.middle.out_channels, y[i] + row_step_, T{});
    }
    const Epilogue<T> out = {y, nullptr, nullptr, Low(spec_.inner_activation),
                             High(spec_.inner_activation)};
    middle_.Run(block, out,
                WindowSource<T, T>{gather_middle_, windows, context.inner.height,
                                   context.inner.width, gathered});
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
std::unique_ptr<const Bottleneck::Work> MakeResidualBottleneck(const BlockKernels<T>& kernels,
                                                               const BottleneckSpec& spec,
                                                               const BottleneckWeights& weights) {
  return std::make_unique<const ResidualBottleneck<T>>(kernels, spec, weights);
}

template std::unique_ptr<const Bottleneck::Work> MakeResidualBottleneck(const BlockKernels<float>&,
                                                                        const BottleneckSpec&,
                                                                        const BottleneckWeights&);
template std::unique_ptr<const Bottleneck::Work> MakeResidualBottleneck(const BlockKernels<bf16>&,
                                                                        const BottleneckSpec&,
                                                                        const BottleneckWeights&);

}  // namespace perforated_conv
