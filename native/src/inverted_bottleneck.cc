// Two passes over a block. First: for each band of rows and chunk of channels, expand into a buffer
// of the second-level cache, fill what the mask leaves out, and convolve depthwise from there.
// Then: project all channels of each computed pixel. Only the depthwise results, one row for each
// computed pixel, are written to memory in between.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "bands.h"
#include "bottleneck.h"
#include "chunks.h"
#include "kernel_use.h"
#include "pack.h"
#include "panel_gemm.h"
#include "window_source.h"

namespace perforated_conv {
namespace {

void CopyRow(const Kernel<float>&, const float* from, int64_t count, float* to) {
  std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

void CopyRow(const Kernel<bf16>& kernel, const float* from, int64_t count, bf16* to) {
  kernel.narrow(from, to, count);
}

template <typename T>
class InvertedBottleneck final : public Bottleneck::Work {
 public:
  InvertedBottleneck(const BlockKernels<T>& kernels, const BottleneckSpec& spec,
                     const BottleneckWeights& weights)
      : kernels_(kernels),
        spec_(spec),
        rows_(RowsPerBlock(kernels.inner)),
        channels_(spec.middle.in_channels),
        row_step_(RoundUp(channels_, kernels.inner.depth_step)),
        taps_(spec.middle.kernel_h * spec.middle.kernel_w),
        depthwise_(PackDepthwise<T>(weights.middle, channels_, taps_)),
        last_(kernels.inner, spec.last, weights.last) {
    if (!spec.first) return;
    gather_.emplace(*spec.first, kernels.inner);
    first_.emplace(kernels.inner, *spec.first, weights.first);
  }

  void Run(const BottleneckCall& call, const Executor& executor) const override {
    BlockContext context(spec_, call);
    const Bands bands(spec_.middle, context.inner, context.out, context.interpolate, sizeof(T));
    Call run = {context, bands, {}, nullptr, nullptr, nullptr, nullptr};
    const int64_t results = context.out.Pixels() * row_step_;
    const bool gathers = first_.has_value() && !ReadsInPlace(call);
    const int64_t inputs = gathers ? context.inner.Pixels() * FirstStep() : 0;
    ArenaPool::Lease arena(ArenaPool::ForCalls(), context.Bytes() + Arena::Bytes<T>(results) +
                                                      Arena::Bytes<T>(inputs) +
                                                      2 * PaddedBiasBytes(channels_) +
                                                      PaddedBiasBytes(spec_.last.out_channels));
    context.MakePlans(*arena);
    run.first_bias = PadBias(*arena, call.first_bias, channels_);
    run.middle_bias = PadBias(*arena, call.middle_bias, channels_);
    run.last_bias = PadBias(*arena, call.last_bias, spec_.last.out_channels);
    run.results = arena->Take<T>(results);
    if (gathers) {
      T* rows = arena->Take<T>(inputs);
      GatherInputs(context, rows, executor);
      run.inputs = {rows, FirstStep()};
    } else if constexpr (std::is_same_v<T, float>) {
      run.inputs = {call.x, spec_.first ? spec_.first->in_channels : channels_};
    }
    auto expand = [&](int64_t i) { Item(run, i); };
    ForEachItem(bands.count() * bands.chunks(), executor, expand);
    Project(run, executor);
    FillOutput(kernels_.outer, context, executor);
  }

 private:
  // What all items of a call share.
  struct Call {
    const BlockContext& context;
    const Bands& bands;
    Rows<T> inputs;  // of first: a row for each entry of its plan
    const float* first_bias;
    const float* middle_bias;
    const float* last_bias;
    T* results;  // of middle: a row for each entry of the last plan
  };

  // The part of a call that one item computes, and its buffers.
  struct Part {
    Band band;
    int64_t channel, channels;  // of the chunk
    MapView<T> expanded;
    MapView<T> coarse;
    T* buffer;
    int64_t* offsets;  // of the depthwise taps in the buffer
  };

  int64_t FirstStep() const {
    const ConvSpec& first = *spec_.first;
    const int64_t depth = first.kernel_h * first.kernel_w * first.in_channels;
    // Other threads write the rows before and after a thread's own.
    return RoundUp(depth, kernels_.inner.depth_step) + (first.IsPointwise() ? 0 : kLooseCopy);
  }

  // True if the input itself is the rows of first.
  bool ReadsInPlace(const BottleneckCall& call) const {
    const bool all = call.mask == nullptr || spec_.fill == Fill::kZero;
    return std::is_same_v<T, float> && all && spec_.first->IsPointwise();
  }

  void GatherInputs(const BlockContext& context, T* rows, const Executor& executor) const {
    const BottleneckCall& call = context.call;
    const Plan& plan = context.first.plan;
    const Chunks chunks = EvenChunks(plan.count, rows_);
    const bool whole = spec_.first->IsPointwise() && FirstStep() == spec_.first->in_channels;
    auto gather = [&](int64_t i) {
      if (whole) return CopyPixels(call.x, plan, chunks.Begin(i), chunks.End(i), rows);
      ForEachBlock(chunks, i, rows_, [&](int64_t begin, int64_t count) {
        GatherBlock(context, begin, count, rows + begin * FirstStep());
      });
    };
    ForEachItem(chunks.Count(), executor, gather);
  }

  void GatherBlock(const BlockContext& context, int64_t begin, int64_t count, T* rows) const {
    const BottleneckCall& call = context.call;
    Window<float> windows[kBlockRows];
    LocateWindows(*spec_.first, call.x, call.height, call.width, context.inner, context.first.plan,
                  begin, count, windows);
    for (const DepthBlocks::Block& block : first_->depth().blocks()) {
      gather_->Copy(block, windows, count, call.height, call.width, rows + block.first,
                    FirstStep());
    }
  }

  // Pixels [begin, end) of the plan, neighbours in one go.
  void CopyPixels(const float* x, const Plan& plan, int64_t begin, int64_t end, T* rows) const {
    const int64_t channels = FirstStep();
    for (int64_t next; begin < end; begin = next) {
      const int64_t pixel = plan.Pixel(begin);
      next = plan.pixels == nullptr ? end : begin + 1;
      while (next < end && plan.Pixel(next) - pixel == next - begin) ++next;
      CopyRow(kernels_.inner, x + pixel * channels, (next - begin) * channels,
              rows + begin * channels);
    }
  }

  void Item(const Call& call, int64_t index) const {
    const Bands& bands = call.bands;
    const int64_t pixels = bands.max_height() * bands.width();
    const int64_t grid = call.context.interpolate ? bands.max_grid() : 0;
    const int64_t partial = first_ ? first_->PartialFloats(kBlockRows) : 0;
    ArenaPool::Lease arena(ArenaPool::ForTiles(), Arena::Bytes<T>(pixels * bands.chunk()) +
                                                      Arena::Bytes<T>(grid * bands.chunk()) +
                                                      Arena::Bytes<int64_t>(taps_) +
                                                      Arena::Bytes<float>(partial));
    Part part;
    part.band = bands.At(index / bands.chunks());
    part.channel = index % bands.chunks() * bands.chunk();
    part.channels = std::min(bands.chunk(), channels_ - part.channel);
    part.buffer = arena->Take<T>(pixels * bands.chunk());
    const int64_t row = bands.width() * bands.chunk();
    part.expanded = {part.buffer, 0, row, bands.chunk(),
                     part.band.top * row - spec_.middle.pad_left * bands.chunk()};
    const int64_t grid_row = GridSize(call.context.inner.width) * bands.chunk();
    part.coarse = {arena->Take<T>(grid * bands.chunk()), 0, grid_row, bands.chunk(),
                   part.band.begin / 2 * grid_row};
    part.offsets = arena->Take<int64_t>(taps_);
    LocateTaps(part);
    ClearPadding(call, part);
    const KernelUse<T> use(kernels_.inner);
    if (first_) {
      Expand(call, part, arena->Take<float>(partial));
      if (call.context.interpolate) Interpolate(call, part);
    } else {
      CopyInput(call, part);
    }
    Depthwise(call, part);
  }

  void LocateTaps(const Part& part) const {
    const ConvSpec& middle = spec_.middle;
    for (int64_t t = 0; t < taps_; ++t) {
      part.offsets[t] = t / middle.kernel_w * middle.dilation_h * part.expanded.row_step +
                        t % middle.kernel_w * middle.dilation_w * part.expanded.pixel_step;
    }
  }

  // Zeros wherever a tap may lie outside the map.
  void ClearPadding(const Call& call, const Part& part) const {
    const Band& band = part.band;
    const int64_t chunk = call.bands.chunk();
    const int64_t row = call.bands.width() * chunk;
    T* const end = part.buffer + call.bands.max_height() * row;
    const int64_t left = spec_.middle.pad_left * chunk;
    const int64_t right = left + call.context.inner.width * chunk;
    std::fill(part.buffer, part.buffer + (band.begin - band.top) * row, T{});
    T* at = part.buffer + (band.begin - band.top) * row;
    for (int64_t y = band.begin; y < band.end; ++y, at += row) {
      std::fill(at, at + left, T{});
      std::fill(at + right, at + row, T{});
    }
    std::fill(at, end, T{});
  }

  void Expand(const Call& call, const Part& part, float* partial) const {
    const BlockContext& context = call.context;
    const int64_t width = kernels_.inner.panel_width;
    const int64_t row = part.band.image * context.inner.height;
    const int64_t end = context.first.RowBegin(row + part.band.end);
    T* y[kBlockRows];
    T* raw[kBlockRows];
    const Epilogue<T> out = {y, nullptr, context.interpolate ? raw : nullptr,
                             Low(spec_.inner_activation), High(spec_.inner_activation)};
    GemmBlock block = {0,
                       part.channel / width,
                       CeilDiv(part.channel + part.channels, width),
                       call.first_bias,
                       part.channel,
                       partial};
    for (int64_t at = context.first.RowBegin(row + part.band.begin); at < end; at += block.count) {
      block.count = std::min(rows_, end - at);
      LocateExpanded(context, part, at, block.count, y, raw);
      first_->Run(block, out,
                  RowSource<T>{call.inputs.data + at * call.inputs.step, call.inputs.step});
    }
  }

  static void LocateExpanded(const BlockContext& context, const Part& part, int64_t begin,
                             int64_t count, T** y, T** raw) {
    const Plan& plan = context.first.plan;
    PixelCursor at(context.inner, plan.Pixel(begin));
    for (int64_t i = 0; i < count;) {
      at.MoveTo(plan.Pixel(begin + i));
      // Pixels of one row differ in x alone.
      const int64_t row = plan.Pixel(begin + i) - at.x();
      T* const first = part.expanded.At(0, at.y(), 0);
      for (; i < count; ++i) {
        const int64_t x = plan.Pixel(begin + i) - row;
        if (x >= context.inner.width) break;
        y[i] = first + x * part.expanded.pixel_step;
        if (!context.interpolate) continue;
        const bool even = at.y() % 2 == 0 && x % 2 == 0;
        raw[i] = even ? part.coarse.At(0, at.y() / 2, x / 2) : nullptr;
      }
    }
  }

  void Interpolate(const Call& call, const Part& part) const {
    const OutMap& map = call.context.inner;
    const MapView<const T> grid = {part.coarse.base, 0, part.coarse.row_step,
                                   part.coarse.pixel_step, part.coarse.origin};
    const Filler<T> filler(
        kernels_.inner, {map, call.context.call.mask, part.channels, grid, nullptr, part.expanded,
                         Low(spec_.inner_activation), High(spec_.inner_activation)});
    const int64_t row = part.band.image * map.height;
    filler.Rows(row + part.band.begin, row + part.band.read_end);
  }

  void CopyInput(const Call& call, const Part& part) const {
    const OutMap& map = call.context.inner;
    for (int64_t y = part.band.begin; y < part.band.end; ++y) {
      const float* from = call.context.call.x +
                          (part.band.image * map.height + y) * map.width * channels_ + part.channel;
      for (int64_t x = 0; x < map.width; ++x, from += channels_) {
        CopyRow(kernels_.inner, from, part.channels, part.expanded.At(0, y, x));
      }
    }
  }

  void Depthwise(const Call& call, const Part& part) const {
    const BlockContext& context = call.context;
    const ConvSpec& middle = spec_.middle;
    const T* x[kDepthwiseSites];
    T* y[kDepthwiseSites];
    DepthwiseSites<T> sites;
    sites.taps = taps_;
    sites.channels = part.channels;
    sites.offsets = part.offsets;
    sites.x = x;
    sites.w = depthwise_.data() + part.channel;
    sites.w_step = channels_;
    sites.bias = call.middle_bias + part.channel;
    sites.low = Low(spec_.inner_activation);
    sites.high = High(spec_.inner_activation);
    sites.y = y;
    const int64_t row = part.band.image * context.out.height;
    const int64_t end = context.last.RowBegin(row + part.band.out_end);
    int64_t at = context.last.RowBegin(row + part.band.out_begin);
    if (at == end) return;
    PixelCursor pixel(context.out, context.last.plan.Pixel(at));
    for (; at < end; at += sites.rows) {
      sites.rows = static_cast<int>(std::min<int64_t>(kDepthwiseSites, end - at));
      for (int i = 0; i < sites.rows; ++i) {
        pixel.MoveTo(context.last.plan.Pixel(at + i));
        x[i] = part.expanded.At(0, pixel.y() * middle.stride_h - middle.pad_top,
                                pixel.x() * middle.stride_w - middle.pad_left);
        y[i] = call.results + (at + i) * row_step_ + part.channel;
      }
      kernels_.inner.depthwise_sites(sites);
    }
  }

  void Project(const Call& call, const Executor& executor) const {
    const Chunks chunks = EvenChunks(call.context.last.plan.count, rows_);
    auto project = [&](int64_t i) {
      const int64_t partial = last_.PartialFloats(kBlockRows);
      ArenaPool::Lease arena(ArenaPool::ForTiles(),
                             OutRows::Bytes(kBlockRows) + Arena::Bytes<float>(partial));
      const OutRows rows = OutRows::In(*arena, kBlockRows);
      float* sums = arena->Take<float>(partial);
      const KernelUse<T> use(kernels_.inner);
      ForEachBlock(chunks, i, rows_, [&](int64_t begin, int64_t count) {
        rows.Locate(call.context, begin, count);
        ProjectBlock({count, 0, last_.panels(), call.last_bias, 0, sums}, rows.Rows(call.context),
                     call.results + begin * row_step_);
      });
    };
    ForEachItem(chunks.Count(), executor, project);
  }

  void ProjectBlock(const GemmBlock& block, const Epilogue<float>& out, T* results) const {
    if (row_step_ > channels_) {
      for (int64_t k = 0; k < block.count; ++k) {
        std::fill(results + k * row_step_ + channels_, results + (k + 1) * row_step_, T{});
      }
    }
    last_.Run(block, out, RowSource<T>{results, row_step_});
  }

  const BlockKernels<T> kernels_;
  const BottleneckSpec spec_;
  const int64_t rows_;  // multiplied at once
  const int64_t channels_, row_step_, taps_;
  const std::vector<T> depthwise_;
  const PanelGemm<T> last_;
  std::optional<Gather<float, T>> gather_;
  std::optional<PanelGemm<T>> first_;
};

}  // namespace

template <typename T>
std::unique_ptr<const Bottleneck::Work> MakeInvertedBottleneck(const BlockKernels<T>& kernels,
                                                               const BottleneckSpec& spec,
                                                               const BottleneckWeights& weights) {
  return std::make_unique<const InvertedBottleneck<T>>(kernels, spec, weights);
}

template std::unique_ptr<const Bottleneck::Work> MakeInvertedBottleneck(const BlockKernels<float>&,
                                                                        const BottleneckSpec&,
                                                                        const BottleneckWeights&);
template std::unique_ptr<const Bottleneck::Work> MakeInvertedBottleneck(const BlockKernels<bf16>&,
                                                                        const BottleneckSpec&,
                                                                        const BottleneckWeights&);

}  // namespace perforated_conv
