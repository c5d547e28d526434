// pag::Bottleneck for ONNX Runtime: checks what arrives, then perforated_conv::Bottleneck.
#include "conv_attributes.h"
#include "op.h"
#include "ops.h"
#include "perforated_conv/bottleneck.h"

namespace perforated_conv::ort {
namespace {

enum InputIndex : size_t { kX, kWFirst, kBFirst, kW, kB, kWLast, kBLast, kM, kR };
enum WeightIndex : size_t { kFirst, kMiddle, kLast };

std::string Channels(const ConvSpec& from, const ConvSpec& to) {
  return std::to_string(from.out_channels) + " channels arrive, " + std::to_string(to.in_channels) +
         " are needed";
}

BottleneckSpec SpecFor(const BottleneckAttributes& attributes, const Weights& weights) {
  BottleneckSpec spec;
  spec.inner_activation = attributes.inner_activation;
  spec.activation = attributes.activation;
  spec.fill = attributes.fill;
  spec.middle = SpecFor(attributes.middle, weights[kMiddle]);
  spec.last = SpecFor({{}, 1}, weights[kLast]);
  if (!spec.last.IsPointwise())
    Refuse("W_last must be [Co,1,1,C2], is " + Text(weights[kLast].shape));
  if (spec.last.in_channels != spec.middle.out_channels) {
    Refuse("W_last " + Text(weights[kLast].shape) + " does not fit W " +
           Text(weights[kMiddle].shape) + ": " + Channels(spec.middle, spec.last));
  }
  if (weights[kFirst].data == nullptr) {
    if (!spec.middle.depthwise) Refuse("without W_first the middle convolution must be depthwise");
    return spec;
  }
  spec.first = SpecFor(attributes.first, weights[kFirst]);
  if (spec.middle.in_channels != spec.first->out_channels) {
    Refuse("W " + Text(weights[kMiddle].shape) + " does not fit W_first " +
           Text(weights[kFirst].shape) + ": " + Channels(*spec.first, spec.middle));
  }
  return spec;
}

// Shape of Y for a node with X of this shape.
Shape OutputShape(const BottleneckSpec& spec, const Input& x, bool masked) {
  const Shape inner = spec.first ? ConvolvedShape(*spec.first, x) : x.shape;
  const Shape y =
      ConvolvedShape(spec.middle, {spec.first ? "W_first's result" : "X", inner, x.data});
  if (masked && spec.fill == Fill::kInterpolate && spec.first &&
      (inner[1] != y[1] || inner[2] != y[2])) {
    Refuse("fill interpolate needs a middle convolution that keeps the size; it makes " + Text(y) +
           " of " + Text(inner));
  }
  return {y[0], y[1], y[2], spec.last.out_channels};
}

struct BottleneckNode {
  static constexpr char kName[] = "Bottleneck";
  static constexpr InputInfo kInputs[] = {
      {"X"},
      {"W_first", Presence::kOptional, Role::kWeight},
      {"B_first", Presence::kOptional},
      {"W", Presence::kRequired, Role::kWeight},
      {"B", Presence::kOptional},
      {"W_last", Presence::kRequired, Role::kWeight},
      {"B_last", Presence::kOptional},
      {"M", Presence::kOptional, Role::kData, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
      {"R", Presence::kOptional}};
  static constexpr auto kOutput = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;

  using Attributes = BottleneckAttributes;
  struct Packed {
    BottleneckSpec spec;
    Bottleneck bottleneck;
  };

  static Attributes Read(const OrtKernelInfo* info) { return ReadBottleneckAttributes(info); }

  static Packed Pack(const Attributes& attributes, const Weights& weights) {
    const BottleneckSpec spec = SpecFor(attributes, weights);
    return {spec, Bottleneck(spec, {weights[kFirst].floats(), weights[kMiddle].floats(),
                                    weights[kLast].floats()})};
  }

  static void Run(const Packed& packed, const Call& node) {
    const BottleneckSpec& spec = packed.spec;
    const Input x = node.In(kX);
    const Input mask = node.In(kM);
    const Input residual = node.In(kR);
    const Shape y = OutputShape(spec, x, mask.data != nullptr);
    RequireMaskAndResidual(mask, residual, x, y);
    BottleneckCall call;
    SetMap(x, call);
    call.x = x.floats();
    if (spec.first) call.first_bias = Bias(node.In(kBFirst), *spec.first);
    call.middle_bias = Bias(node.In(kB), spec.middle);
    call.last_bias = Bias(node.In(kBLast), spec.last);
    call.mask = static_cast<const uint8_t*>(mask.data);
    call.residual = residual.floats();
    call.y = node.Out<float>(y);
    packed.bottleneck.Run(call, node.executor());
  }
};

}  // namespace

const OrtCustomOp* BottleneckOp() { return TheOp<BottleneckNode>(); }

}  // namespace perforated_conv::ort
