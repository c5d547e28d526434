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
#include "expansion.h"
#include "kernel_use.h"
#include "pack.h"
#include "panel_gemm.h"
#include "window_source.h"

namespace perforated_conv {
namespace {

template <typename T>
class InvertedBottleneck final : public Bottleneck::Impl {
 public:
  explicit InvertedBottleneck(const BlockParts<T>& parts)
      : kernels_(parts.kernels),
        spec_(parts.spec),
        rows_(RowsPerBlock(kernels_.inner)),
        channels_(spec_.middle.in_channels),
        row_step_(RoundUp(channels_, kernels_.inner.depth_step)),
        taps_(spec_.middle.kernel_h * spec_.middle.kernel_w),
        depthwise_(PackDepthwise<T>(parts.weights.middle, channels_, taps_)),
        last_(kernels_.inner, spec_.last, parts.weights.last) {
    if (spec_.first) first_.emplace(kernels_.inner, spec_, parts.weights.first);
  }

  void Run(const BottleneckCall& call, const Executor& executor) const override {
    BlockContext context(spec_, call);
    ArenaPool::Lease plans(ArenaPool::ForCalls(), context.Bytes());
    context.Prepare(*plans);
    const Bands bands(spec_.middle, context.inner, context.out.map, context.interpolate, sizeof(T));
    // A band of all channels goes from the input to Y by itself.
    const bool streams = bands.chunks() == 1;
    const int64_t results = streams ? 0 : context.last.plan.count * row_step_;
    const int64_t inputs = streams || !first_ ? 0 : first_->InputValues(context);
    ArenaPool::Lease arena(ArenaPool::ForCalls(),
                           Arena::Bytes<T>(results) + Arena::Bytes<T>(inputs));
    Call run = {context, bands, streams, {}, nullptr};
    run.results = arena->Take<T>(results);
    if (first_ && !streams) run.inputs = first_->Inputs(context, arena->Take<T>(inputs), executor);
    auto item = [&](int64_t i) { Item(run, i); };
    ForEachItem(bands.count() * bands.chunks(), executor, item);
    if (!streams) Project(run, executor);
    FillOutput(kernels_.outer, context, executor);
  }

 private:
  // What all items of a call share.
  struct Call {
    const BlockContext& context;
    const Bands& bands;
    bool streams;    // items gather and project their own rows
    Rows<T> inputs;  // of first: a row for each entry of its plan
    T* results;      // of middle: a row for each entry of the last plan
  };

  // Buffers of products.
  struct Workspace {
    OutRows rows;
    T* gathered;
    float* partial;
  };

  // The part of a call that one item computes, and its buffers.
  struct Part {
    Band band;
    int64_t channel, channels;  // of the chunk
    MapView<T> expanded;
    MapView<T> coarse;
    T* buffer;
    int64_t* offsets;    // of the depthwise taps in the buffer
    int64_t begin, end;  // of the band's results in the last plan
    T* results;          // the one of `begin`
    T* input;            // rows of the image that first reads, if the item gathers them
  };

  void Item(const Call& call, int64_t index) const {
    const Bands& bands = call.bands;
    const int64_t pixels = bands.max_height() * bands.width();
    const int64_t grid = call.context.interpolate ? bands.max_grid() : 0;
    Part part;
    part.band = bands.At(index / bands.chunks());
    const int64_t out_row = part.band.image * call.context.out.map.height;
    part.begin = call.context.last.RowBegin(out_row + part.band.out_begin);
    part.end = call.context.last.RowBegin(out_row + part.band.out_end);
    const int64_t results = call.streams ? (part.end - part.begin) * row_step_ : 0;
    const int64_t input =
        call.streams && first_ ? first_->BandValues(call.context, bands.max_height()) : 0;
    ArenaPool::Lease arena(ArenaPool::ForTiles(), Arena::Bytes<T>(pixels * bands.chunk()) +
                                                      Arena::Bytes<T>(grid * bands.chunk()) +
                                                      Arena::Bytes<int64_t>(taps_) +
                                                      Arena::Bytes<T>(results) +
                                                      Arena::Bytes<T>(input) + WorkspaceBytes());
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
    part.results = call.streams ? arena->Take<T>(results) : call.results + part.begin * row_step_;
    part.input = arena->Take<T>(input);
    Compute(call, part, MakeImplspace(*arena));
  }

  void Compute(const Call& call, const Part& part, const Workspace& workspace) const {
    LocateTaps(part);
    ClearPadding(call, part);
    const KernelUse<T> use(kernels_.inner);
    if (first_) {
      first_->Run({call.context, part.band, part.channel, part.channels, part.expanded, part.coarse,
                   call.inputs, part.input, workspace.gathered, workspace.partial});
      if (call.context.interpolate) Interpolate(call, part);
    } else {
      CopyInput(call, part);
    }
    Depthwise(call, part);
    if (call.streams) ProjectRows(call, part.begin, part.end, part.results, workspace);
  }

  size_t WorkspaceBytes() const {
    const int64_t first = first_ ? first_->PartialFloats() : 0;
    return OutRows::Bytes(kBlockRows) + Arena::Bytes<T>(WindowSource<float, T>::PanelValues()) +
           Arena::Bytes<float>(std::max(first, last_.PartialFloats(kBlockRows)));
  }

  Workspace MakeImplspace(Arena& arena) const {
    const int64_t first = first_ ? first_->PartialFloats() : 0;
    Workspace workspace;
    workspace.rows = OutRows::In(arena, kBlockRows);
    workspace.gathered = arena.Take<T>(WindowSource<float, T>::PanelValues());
    workspace.partial = arena.Take<float>(std::max(first, last_.PartialFloats(kBlockRows)));
    return workspace;
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

  void Interpolate(const Call& call, const Part& part) const {
    const Filler<T> filler(
        kernels_.inner, SkippedInner<T>(call.context, part.channels, part.coarse, part.expanded));
    const int64_t row = part.band.image * call.context.inner.height;
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
    sites.bias = context.middle_bias + part.channel;
    sites.low = Low(spec_.inner_activation);
    sites.high = High(spec_.inner_activation);
    sites.y = y;
    if (part.begin == part.end) return;
    PixelCursor pixel(context.out.map, context.last.plan.Pixel(part.begin));
    for (int64_t at = part.begin; at < part.end; at += sites.rows) {
      sites.rows = static_cast<int>(std::min<int64_t>(kDepthwiseSites, part.end - at));
      for (int i = 0; i < sites.rows; ++i) {
        pixel.MoveTo(context.last.plan.Pixel(at + i));
        x[i] = part.expanded.At(0, pixel.y() * middle.stride_h - middle.pad_top,
                                pixel.x() * middle.stride_w - middle.pad_left);
        y[i] = part.results + (at + i - part.begin) * row_step_ + part.channel;
      }
      kernels_.inner.depthwise_sites(sites);
    }
  }

  void Project(const Call& call, const Executor& executor) const {
    const Chunks chunks = EvenChunks(call.context.last.plan.count, rows_);
    auto project = [&](int64_t i) {
      ArenaPool::Lease arena(ArenaPool::ForTiles(), WorkspaceBytes());
      const KernelUse<T> use(kernels_.inner);
      ProjectRows(call, chunks.Begin(i), chunks.End(i), call.results + chunks.Begin(i) * row_step_,
                  MakeImplspace(*arena));
    };
    ForEachItem(chunks.Count(), executor, project);
  }

  // Entries [begin, end) of the last plan, whose rows start at `results`.
  void ProjectRows(const Call& call, int64_t begin, int64_t end, T* results,
                   const Workspace& workspace) const {
    GemmBlock block = {0, 0, last_.panels(), call.context.last_bias, 0, workspace.partial};
    for (int64_t at = begin; at < end; at += block.count, results += block.count * row_step_) {
      block.count = std::min(rows_, end - at);
      for (int64_t k = 0; row_step_ > channels_ && k < block.count; ++k) {
        std::fill(results + k * row_step_ + channels_, results + (k + 1) * row_step_, T{});
      }
      workspace.rows.Locate(call.context.out, call.context.last.plan, at, block.count);
      last_.Run(block, workspace.rows.Rows(call.context.out), RowSource<T>{results, row_step_});
    }
  }

  const BlockKernels<T> kernels_;
  const BottleneckSpec spec_;
  const int64_t rows_;  // multiplied at once
  const int64_t channels_, row_step_, taps_;
  const std::vector<T> depthwise_;
  const PanelGemm<T> last_;
  std::optional<Expansion<T>> first_;
};

}  // namespace

template <typename T>
BlockImpl MakeInvertedBottleneck(const BlockParts<T>& parts) {
  return std::make_unique<const InvertedBottleneck<T>>(parts);
}

template BlockImpl MakeInvertedBottleneck(const BlockParts<float>&);
template BlockImpl MakeInvertedBottleneck(const BlockParts<bf16>&);

}  // namespace perforated_conv
