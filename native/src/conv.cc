#include "conv.h"

#include <algorithm>

#include "fill.h"
#include "scratch.h"

namespace perforated_conv {
namespace {

// A chunk worth handing to another thread, in multiply-adds (about 20 microseconds of AVX-512).
constexpr int64_t kChunkMacs = 1 << 20;
// Floats written by a chunk of filling, for the same reason.
constexpr int64_t kChunkFill = 1 << 16;
// Pixels per chunk: whole blocks of the gemm work and of the depthwise work.
constexpr int64_t kPixelStep = 84;
// More chunks than any pool has threads, few enough to balance a slow last one.
constexpr int64_t kMinChunks = 8;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Equal chunks of [0, total).
struct Chunks {
  int64_t total, size;

  int64_t Count() const { return CeilDiv(total, size); }
  int64_t Begin(int64_t i) const { return i * size; }
  int64_t End(int64_t i) const { return std::min(total, (i + 1) * size); }
};

// Whole blocks where there are enough of them, else smaller chunks of whole tiles.
Chunks PixelChunks(const ConvSpec& spec, const Kernel<float>& kernel, int64_t pixels) {
  const int64_t enough = CeilDiv(kChunkMacs, spec.MacsPerPixel());
  const int64_t share = CeilDiv(pixels, kMinChunks);
  const int64_t step = share >= kPixelStep ? kPixelStep : kernel.tile_rows;
  const int64_t wanted = std::max(enough, std::min(share, kPixelStep));
  return {pixels, CeilDiv(wanted, step) * step};
}

Chunks FillChunks(const ConvSpec& spec, const CallContext& context) {
  const int64_t rows = context.map.images * context.map.height;
  const bool nothing = context.plan.count == context.map.Pixels();
  const int64_t row_floats = std::max<int64_t>(1, context.map.width * spec.out_channels);
  return {nothing ? 0 : rows, CeilDiv(kChunkFill, row_floats)};
}

template <typename F>
void ForEachChunk(int64_t count, const Executor& executor, F& body) {
  if (count > 1) return executor.ForEach(count, body);
  if (count == 1) body(0);
}

}  // namespace

int64_t PaddedBias(const ConvSpec& spec) { return CeilDiv(spec.out_channels, 64) * 64; }

struct Convolution::Impl {
  Impl(const ConvSpec& spec_in, const float* weights, Isa isa)
      : spec(spec_in),
        kernel(BestKernel(isa)),
        work((spec.depthwise ? MakeDepthwiseWork : MakeGemmWork)(kernel, spec, weights)) {}

  // V of the even pixels is lost in Y once a residual or an activation went over it.
  bool NeedsCoarse(const ConvCall& call) const {
    return spec.fill == Fill::kInterpolate && call.mask != nullptr &&
           (call.residual != nullptr || spec.activation != Activation::kNone);
  }

  CoarseGrid Grid(const CallContext& context) const {
    if (spec.fill == Fill::kZero) return {};
    if (context.coarse != nullptr) return GridAlone(context.map, spec.out_channels, context.coarse);
    return GridInMap(context.map, spec.out_channels, context.call.y);
  }

  void Run(const CallContext& context, const Executor& executor) const;

  const ConvSpec spec;
  const Kernel<float>& kernel;
  const std::unique_ptr<const PixelWork> work;
};

void Convolution::Impl::Run(const CallContext& context, const Executor& executor) const {
  const Chunks pixels = PixelChunks(spec, kernel, context.plan.count);
  const Chunks rows = FillChunks(spec, context);
  const Filler filler(kernel, spec, context.call, context.map, Grid(context));
  auto compute = [&](int64_t i) { work->Run(context, pixels.Begin(i), pixels.End(i)); };
  auto fill = [&](int64_t i) { filler.Rows(rows.Begin(i), rows.End(i)); };

  if (spec.fill == Fill::kInterpolate) {
    ForEachChunk(pixels.Count(), executor, compute);
    ForEachChunk(rows.Count(), executor, fill);
    return;
  }
  const int64_t first_fill = pixels.Count();
  auto both = [&](int64_t i) { i < first_fill ? compute(i) : fill(i - first_fill); };
  const int64_t count = first_fill + rows.Count();
  // Writing zeros beside one small chunk is not worth waking a thread.
  const bool small = first_fill <= 1 && rows.Count() <= 1;
  if (small) return SerialExecutor().ForEach(count, both);
  ForEachChunk(count, executor, both);
}

Convolution::Convolution(const ConvSpec& spec, const float* weights, Isa isa)
    : impl_(std::make_unique<const Impl>(spec, weights, isa)) {}
Convolution::~Convolution() = default;
Convolution::Convolution(Convolution&&) noexcept = default;

void Convolution::Run(const ConvCall& call, const Executor& executor) const {
  const ConvSpec& spec = impl_->spec;
  const OutMap map = OutputMap(spec, call);
  const int64_t bias_floats = PaddedBias(spec);
  const int64_t indices = call.mask == nullptr ? 0 : map.Pixels() + 1;
  const int64_t coarse = impl_->NeedsCoarse(call) ? map.images * GridSize(map.height) *
                                                        GridSize(map.width) * spec.out_channels
                                                  : 0;
  ArenaPool::Lease arena(ArenaPool::ForCalls(), Arena::Bytes<float>(bias_floats) +
                                                    Arena::Bytes<int32_t>(indices) +
                                                    Arena::Bytes<float>(coarse));
  float* bias = arena->Take<float>(bias_floats);
  std::fill(bias, bias + bias_floats, 0.0f);
  if (call.bias != nullptr) std::copy(call.bias, call.bias + spec.out_channels, bias);
  int32_t* storage = arena->Take<int32_t>(indices);
  float* grid = arena->Take<float>(coarse);
  const Plan plan = MakePlan(spec, call, map, storage);
  const bool dense = plan.count == map.Pixels();
  impl_->Run({call, map, plan, bias, coarse > 0 && !dense ? grid : nullptr}, executor);
}

}  // namespace perforated_conv
