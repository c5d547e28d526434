#include "bottleneck.h"

#include <algorithm>

#include "conv.h"

namespace perforated_conv {
namespace {

template <typename T>
std::unique_ptr<const Bottleneck::Work> MakeWork(const BottleneckSpec& spec,
                                                 const BottleneckWeights& weights, Isa isa) {
  const BlockKernels<T> kernels = {BestKernel<T>(isa), BestKernel<float>(isa)};
  return spec.middle.depthwise ? MakeInvertedBottleneck(kernels, spec, weights)
                               : MakeResidualBottleneck(kernels, spec, weights);
}

}  // namespace

int64_t BottleneckSpec::OutHeight(int64_t height) const {
  return middle.OutHeight(first ? first->OutHeight(height) : height);
}

int64_t BottleneckSpec::OutWidth(int64_t width) const {
  return middle.OutWidth(first ? first->OutWidth(width) : width);
}

BlockContext::BlockContext(const BottleneckSpec& spec_in, const BottleneckCall& call_in)
    : spec(spec_in),
      call(call_in),
      inner{call.images, spec.first ? spec.first->OutHeight(call.height) : call.height,
            spec.first ? spec.first->OutWidth(call.width) : call.width},
      out{call.images, spec.OutHeight(call.height), spec.OutWidth(call.width)},
      interpolate(call.mask != nullptr && spec.fill == Fill::kInterpolate),
      coarse(nullptr) {}

// V of the even pixels is lost in Y once a residual or an activation went over it.
bool BlockContext::NeedsCoarse() const {
  return interpolate && (call.residual != nullptr || spec.activation != Activation::kNone);
}

size_t BlockContext::Bytes() const {
  size_t bytes = 0;
  if (call.mask != nullptr) {
    bytes += Arena::Bytes<int32_t>(out.Pixels() + 1);
    bytes += Arena::Bytes<int32_t>(out.images * out.height + 1);
  }
  if (NeedsCoarse()) bytes += Arena::Bytes<float>(GridMap(out).Pixels() * spec.last.out_channels);
  return bytes;
}

void BlockContext::MakePlans(Arena& arena) {
  int32_t* pixels = nullptr;
  int32_t* rows = nullptr;
  if (call.mask != nullptr) {
    pixels = arena.Take<int32_t>(out.Pixels() + 1);
    rows = arena.Take<int32_t>(out.images * out.height + 1);
  }
  last = MakeRowPlan(call.mask, interpolate, out, pixels, rows);
  first = interpolate ? last : MakeRowPlan(nullptr, false, inner, nullptr, nullptr);
  if (NeedsCoarse()) coarse = arena.Take<float>(GridMap(out).Pixels() * spec.last.out_channels);
}

OutRows OutRows::In(Arena& arena, int64_t count) {
  OutRows rows;
  rows.y = arena.Take<float*>(count);
  rows.r = arena.Take<const float*>(count);
  rows.raw = arena.Take<float*>(count);
  return rows;
}

size_t OutRows::Bytes(int64_t count) { return 3 * Arena::Bytes<float*>(count); }

void OutRows::Locate(const BlockContext& context, int64_t begin, int64_t count) const {
  const int64_t channels = context.spec.last.out_channels;
  const Plan& plan = context.last.plan;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = plan.Pixel(begin + i) * channels;
    y[i] = context.call.y + at;
    if (context.call.residual != nullptr) r[i] = context.call.residual + at;
  }
  if (context.coarse == nullptr) return;
  const MapView<float> grid = WholeMap(GridMap(context.out), channels, context.coarse);
  PixelCursor at(context.out, plan.Pixel(begin));
  for (int64_t i = 0; i < count; ++i) {
    at.MoveTo(plan.Pixel(begin + i));
    const bool even = at.y() % 2 == 0 && at.x() % 2 == 0;
    raw[i] = even ? grid.At(at.image(), at.y() / 2, at.x() / 2) : nullptr;
  }
}

Epilogue<float> OutRows::Rows(const BlockContext& context) const {
  const Activation activation = context.spec.activation;
  return {y, context.call.residual == nullptr ? nullptr : r,
          context.coarse == nullptr ? nullptr : raw, Low(activation), High(activation)};
}

void FillOutput(const Kernel<float>& kernel, const BlockContext& context,
                const Executor& executor) {
  if (context.last.plan.count == context.out.Pixels()) return;
  const BottleneckCall& call = context.call;
  const int64_t channels = context.spec.last.out_channels;
  MapView<const float> grid;
  if (context.interpolate) {
    grid = context.coarse == nullptr
               ? GridInMap<const float>(context.out, channels, call.y)
               : WholeMap<const float>(GridMap(context.out), channels, context.coarse);
  }
  const Activation activation = context.spec.activation;
  const Filler<float> filler(
      kernel, {context.out, call.mask, channels, grid, call.residual,
               WholeMap(context.out, channels, call.y), Low(activation), High(activation)});
  FillRows(filler, context.out, executor);
}

size_t PaddedBiasBytes(int64_t channels) { return Arena::Bytes<float>(RoundUp(channels, 64)); }

const float* PadBias(Arena& arena, const float* bias, int64_t channels) {
  float* padded = arena.Take<float>(RoundUp(channels, 64));
  std::fill(padded, padded + RoundUp(channels, 64), 0.0f);
  if (bias != nullptr) std::copy(bias, bias + channels, padded);
  return padded;
}

Bottleneck::Bottleneck(const BottleneckSpec& spec, const BottleneckWeights& weights, Isa isa,
                       Precision precision)
    : work_(precision == Precision::kBf16 ? MakeWork<bf16>(spec, weights, isa)
                                          : MakeWork<float>(spec, weights, isa)) {}
Bottleneck::~Bottleneck() = default;
Bottleneck::Bottleneck(Bottleneck&&) noexcept = default;

void Bottleneck::Run(const BottleneckCall& call, const Executor& executor) const {
  work_->Run(call, executor);
}

}  // namespace perforated_conv
