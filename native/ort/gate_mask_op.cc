// pag::GateMask for ONNX Runtime: checks what arrives, then perforated_conv::GateMask.
#include "conv_attributes.h"
#include "op.h"
#include "ops.h"
#include "perforated_conv/gate_mask.h"

namespace perforated_conv::ort {
namespace {

enum InputIndex : size_t { kX, kW, kB, kRatio };

struct GateMaskNode {
  static constexpr char kName[] = "GateMask";
  static constexpr InputInfo kInputs[] = {
      {"X"}, {"W", Presence::kRequired, Role::kWeight}, {"B", Presence::kOptional}, {"ratio"}};
  static constexpr auto kOutput = ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;

  using Attributes = GateSpec;
  struct Packed {
    GateSpec spec;
    GateMask gate;
  };

  static Attributes Read(const OrtKernelInfo* info) { return ReadGateSpec(info); }

  static Packed Pack(const Attributes& attributes, const Weights& weights) {
    const Input& w = weights[0];
    w.RequireRank(4, "[1,1,1,Ci]");
    const Shape& shape = w.shape;
    if (shape[0] != 1 || shape[1] != 1 || shape[2] != 1 || shape[3] < 1) {
      Refuse("W must be [1,1,1,Ci], is " + Text(shape));
    }
    GateSpec spec = attributes;
    spec.channels = shape[3];
    return {spec, GateMask(spec, w.floats())};
  }

  static void Run(const Packed& packed, const Call& node) {
    const Input x = node.In(kX);
    const Input bias = node.In(kB);
    const Input ratio = node.In(kRatio);
    const GateSpec& spec = packed.spec;
    RequireChannels(x, {1, 1, 1, spec.channels}, spec.channels);
    if (x.shape[1] < 1 || x.shape[2] < 1) Refuse("X has no pixels: its shape is " + Text(x.shape));
    bias.RequireShape({1}, [] { return "the score's"; });
    RequireOnePerImage(ratio, x);
    GateMaskCall call;
    SetMap(x, call);
    call.x = x.floats();
    if (bias.data != nullptr) call.bias = *bias.floats();
    call.ratio = ratio.floats();
    call.mask =
        node.Out<uint8_t>({call.images, spec.OutHeight(call.height), spec.OutWidth(call.width)});
    packed.gate.Run(call, node.executor());
  }
};

}  // namespace

const OrtCustomOp* GateMaskOp() { return TheOp<GateMaskNode>(); }

}  // namespace perforated_conv::ort
