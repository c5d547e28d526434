// pag::PerforatedConv for ONNX Runtime: checks what arrives, then perforated_conv::Convolution.
#include "conv_attributes.h"
#include "op.h"
#include "ops.h"

namespace perforated_conv::ort {
namespace {

enum InputIndex : size_t { kX, kW, kB, kM, kR };

struct PerforatedConvNode {
  static constexpr char kName[] = "PerforatedConv";
  static constexpr InputInfo kInputs[] = {
      {"X"},
      {"W", Presence::kRequired, Role::kWeight},
      {"B", Presence::kOptional},
      {"M", Presence::kOptional, Role::kData, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
      {"R", Presence::kOptional}};
  static constexpr auto kOutput = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;

  using Attributes = ConvAttributes;
  struct Packed {
    ConvSpec spec;
    Convolution convolution;
  };

  static Attributes Read(const OrtKernelInfo* info) { return ReadConvAttributes(info); }

  static Packed Pack(const Attributes& attributes, const Weights& weights) {
    const ConvSpec spec = SpecFor(attributes, weights[0]);
    return {spec, Convolution(spec, weights[0].floats())};
  }

  static void Run(const Packed& packed, const Call& node) {
    const Input x = node.In(kX);
    const Input mask = node.In(kM);
    const Input residual = node.In(kR);
    const Shape y = ConvolvedShape(packed.spec, x);
    RequireMaskAndResidual(mask, residual, x, y);
    ConvCall call;
    SetMap(x, call);
    call.x = x.floats();
    call.bias = Bias(node.In(kB), packed.spec);
    call.mask = static_cast<const uint8_t*>(mask.data);
    call.residual = residual.floats();
    call.y = node.Out<float>(y);
    packed.convolution.Run(call, node.executor());
  }
};

}  // namespace

const OrtCustomOp* PerforatedConvOp() { return TheOp<PerforatedConvNode>(); }

}  // namespace perforated_conv::ort
