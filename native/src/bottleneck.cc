#include "bottleneck.h"

#include "pack.h"

namespace perforated_conv {
namespace {

template <typename T>
BlockImpl MakeImpl(const BottleneckSpec& spec, const BottleneckWeights& weights, Isa isa) {
  const BlockParts<T> parts = {{BestKernel<T>(isa), BestKernel<float>(isa)}, spec, weights};
  return spec.middle.depthwise ? MakeInvertedBottleneck(parts) : MakeResidualBottleneck(parts);
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
      out{{call.images, spec.OutHeight(call.height), spec.OutWidth(call.width)},
          spec.last.out_channels,
          spec.fill,
          spec.activation,
          call.mask,
          call.residual,
          call.y},
      interpolate(out.Interpolates()) {}

size_t BlockContext::Bytes() const {
  size_t bytes = out.CoarseBytes() + PaddedBiasBytes(spec.middle.in_channels) +
                 PaddedBiasBytes(spec.middle.out_channels) + PaddedBiasBytes(out.channels);
  if (call.mask != nullptr) {
    bytes += Arena::Bytes<int32_t>(out.map.Pixels() + 1);
    bytes += Arena::Bytes<int32_t>(out.map.images * out.map.height + 1);
  }
  return bytes;
}

void BlockContext::Prepare(Arena& arena) {
  int32_t* pixels = nullptr;
  int32_t* rows = nullptr;
  if (call.mask != nullptr) {
    pixels = arena.Take<int32_t>(out.map.Pixels() + 1);
    rows = arena.Take<int32_t>(out.map.images * out.map.height + 1);
  }
  last = MakeRowPlan(call.mask, interpolate, out.map, pixels, rows);
  first = interpolate ? last : MakeRowPlan(nullptr, false, inner, nullptr, nullptr);
  out.TakeCoarse(arena, last.plan);
  first_bias = PadBias(arena, call.first_bias, spec.middle.in_channels);
  middle_bias = PadBias(arena, call.middle_bias, spec.middle.out_channels);
  last_bias = PadBias(arena, call.last_bias, out.channels);
}

void FillOutput(const Kernel<float>& kernel, const BlockContext& context,
                const Executor& executor) {
  if (context.last.plan.count == context.out.map.Pixels()) return;
  FillRows(kernel, context.out.Skipped(), executor);
}

Bottleneck::Bottleneck(const BottleneckSpec& spec, const BottleneckWeights& weights, Isa isa,
                       Precision precision)
    : impl_(precision == Precision::kBf16 ? MakeImpl<bf16>(spec, weights, isa)
                                          : MakeImpl<float>(spec, weights, isa)) {}
Bottleneck::~Bottleneck() = default;
Bottleneck::Bottleneck(Bottleneck&&) noexcept = default;

void Bottleneck::Run(const BottleneckCall& call, const Executor& executor) const {
  impl_->Run(call, executor);
}

}  // namespace perforated_conv
