#include "conv.h"

#include <algorithm>

#include "chunks.h"
#include "fill.h"
#include "panel_gemm.h"

namespace perforated_conv {
namespace {

// A chunk worth handing to another thread, in multiply-adds (about 20 microseconds of AVX-512).
constexpr int64_t kChunkMacs = 1 << 20;
// Floats written by a chunk of filling, for the same reason.
constexpr int64_t kChunkFill = 1 << 16;
// More chunks than any pool has threads, few enough to balance a slow last one.
constexpr int64_t kMinChunks = 8;

// Whole blocks where there are enough of them, else smaller chunks of whole tiles.
Chunks PixelChunks(const ConvSpec& spec, int tile_rows, int64_t pixels) {
  const int64_t enough = CeilDiv(kChunkMacs, spec.MacsPerPixel());
  const int64_t share = CeilDiv(pixels, kMinChunks);
  const int64_t block = kBlockRows / tile_rows * tile_rows;
  const int64_t step = share >= block ? block : tile_rows;
  const int64_t wanted = std::max(enough, std::min(share, block));
  return {pixels, CeilDiv(wanted, step) * step};
}

Chunks FillChunks(const CallContext& context) {
  const OutMap& map = context.out.map;
  const int64_t rows = map.images * map.height;
  const bool nothing = context.plan.count == map.Pixels();
  const int64_t row_floats = std::max<int64_t>(1, map.width * context.out.channels);
  return {nothing ? 0 : rows, CeilDiv(kChunkFill, row_floats)};
}

// Outputs of fewer channels (a gate's scores, a head's depth) would fill panels with zeros; they
// decide much and cost little, so they stay float.
constexpr int64_t kFewChannels = 16;

std::unique_ptr<const PixelWork> MakeWork(const ConvSpec& spec, const float* weights, Isa isa,
                                          Precision precision) {
  const Kernel<float>& kernel = BestKernel<float>(isa);
  if (spec.depthwise) return MakeDepthwiseWork(kernel, spec, weights);
  if (precision == Precision::kF32 || spec.out_channels < kFewChannels) {
    return MakeGemmWork(kernel, spec, weights);
  }
  return MakeGemmWork(BestKernel<bf16>(isa), spec, weights);
}

}  // namespace

struct Convolution::Impl {
  Impl(const ConvSpec& spec_in, const float* weights, Isa isa, Precision precision)
      : spec(spec_in),
        kernel(BestKernel<float>(isa)),
        work(MakeWork(spec_in, weights, isa, precision)) {}

  void Run(const CallContext& context, const Executor& executor) const;

  const ConvSpec spec;
  const Kernel<float>& kernel;
  const std::unique_ptr<const PixelWork> work;
};

void Convolution::Impl::Run(const CallContext& context, const Executor& executor) const {
  const Chunks pixels = PixelChunks(spec, work->tile_rows(), context.plan.count);
  const Chunks rows = FillChunks(context);
  const Filler<float> filler(kernel, context.out.Skipped());
  auto compute = [&](int64_t i) { work->Run(context, pixels.Begin(i), pixels.End(i)); };
  auto fill = [&](int64_t i) { filler.Rows(rows.Begin(i), rows.End(i)); };

  if (spec.fill == Fill::kInterpolate) {
    ForEachItem(pixels.Count(), executor, compute);
    ForEachItem(rows.Count(), executor, fill);
    return;
  }
  const int64_t first_fill = pixels.Count();
  auto both = [&](int64_t i) { i < first_fill ? compute(i) : fill(i - first_fill); };
  const int64_t count = first_fill + rows.Count();
  // Writing zeros beside one small chunk is not worth waking a thread.
  const bool small = first_fill <= 1 && rows.Count() <= 1;
  if (small) return SerialExecutor().ForEach(count, both);
  ForEachItem(count, executor, both);
}

Convolution::Convolution(const ConvSpec& spec, const float* weights, Isa isa, Precision precision)
    : impl_(std::make_unique<const Impl>(spec, weights, isa, precision)) {}
Convolution::~Convolution() = default;
Convolution::Convolution(Convolution&&) noexcept = default;

void Convolution::Run(const ConvCall& call, const Executor& executor) const {
  const ConvSpec& spec = impl_->spec;
  const OutMap map = OutputMap(spec, call);
  Output out = {map,       spec.out_channels, spec.fill, spec.activation,
                call.mask, call.residual,     call.y};
  const int64_t indices = call.mask == nullptr ? 0 : map.Pixels() + 1;
  ArenaPool::Lease arena(
      ArenaPool::ForCalls(),
      PaddedBiasBytes(out.channels) + Arena::Bytes<int32_t>(indices) + out.CoarseBytes());
  const float* bias = PadBias(*arena, call.bias, out.channels);
  const Plan plan = MakePlan(spec, call, map, arena->Take<int32_t>(indices));
  out.TakeCoarse(*arena, plan);
  impl_->Run({call, out, plan, bias}, executor);
}

}  // namespace perforated_conv
