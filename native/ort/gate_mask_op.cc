// pag::GateMask for ONNX Runtime: checks what arrives, then perforated_conv::GateMask.
#include <optional>

#include "conv_attributes.h"
#include "ops.h"
#include "perforated_conv/gate_mask.h"

namespace perforated_conv::ort {
namespace {

struct Packed {
  GateSpec spec;
  GateMask gate;
};

class GateMaskKernel {
 public:
  explicit GateMaskKernel(const OrtKernelInfo* info) : spec_(ReadGateSpec(info)) {
    int constant = 0;
    const Ort::ConstValue weights = Ort::ConstKernelInfo(info).GetTensorConstantInput(1, &constant);
    if (constant != 0) packed_.emplace(Pack(View("W", weights)));
  }

  OrtStatusPtr ComputeV2(OrtKernelContext* raw_context) {
    return Guarded([&] {
      if (packed_) return Compute(*packed_, raw_context);
      const Ort::KernelContext context(raw_context);
      Compute(Pack(GetInput(context, 1, "W")), raw_context);
    });
  }

 private:
  Packed Pack(const Input& weights) const {
    weights.RequireRank(4, "[1,1,1,Ci]");
    const Shape& shape = weights.shape;
    if (shape[0] != 1 || shape[1] != 1 || shape[2] != 1 || shape[3] < 1) {
      Refuse("W must be [1,1,1,Ci], is " + Text(shape));
    }
    GateSpec spec = spec_;
    spec.channels = shape[3];
    return {spec, GateMask(spec, weights.floats())};
  }

  static void Compute(const Packed& packed, OrtKernelContext* raw_context) {
    const Ort::KernelContext context(raw_context);
    const Input x = GetInput(context, 0, "X");
    const Input bias = GetInput(context, 2, "B");
    const Input ratio = GetInput(context, 3, "ratio");
    const GateSpec& spec = packed.spec;
    x.RequireRank(4, "[N,H,W,Ci]");
    if (x.shape[3] != spec.channels) {
      Refuse("X has shape " + Text(x.shape) + ", W " + Text({1, 1, 1, spec.channels}) + " needs " +
             std::to_string(spec.channels) + " channels");
    }
    if (x.shape[1] < 1 || x.shape[2] < 1) Refuse("X has no pixels: its shape is " + Text(x.shape));
    bias.RequireShape({1}, [] { return "the score's"; });
    ratio.RequireShape({x.shape[0]}, [&] { return "one per image of X " + Text(x.shape); });

    GateMaskCall call;
    call.images = x.shape[0];
    call.height = x.shape[1];
    call.width = x.shape[2];
    call.x = x.floats();
    if (bias.data != nullptr) call.bias = *bias.floats();
    call.ratio = ratio.floats();
    const Shape mask = {x.shape[0], spec.OutHeight(call.height), spec.OutWidth(call.width)};
    call.mask = static_cast<uint8_t*>(context.GetOutput(0, mask).GetTensorMutableRawData());
    packed.gate.Run(call, PoolExecutor(raw_context));
  }

  const GateSpec spec_;
  std::optional<Packed> packed_;
};

struct Op : Ort::CustomOpBase<Op, GateMaskKernel, /*WithStatus=*/true> {
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
    return Guarded([&] { *kernel = new GateMaskKernel(info); });
  }
  const char* GetName() const { return "GateMask"; }
  size_t GetInputTypeCount() const { return 4; }
  ONNXTensorElementDataType GetInputType(size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(size_t index) const {
    return index == 2 ? INPUT_OUTPUT_OPTIONAL : INPUT_OUTPUT_REQUIRED;
  }
  size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
  }
};

}  // namespace

const OrtCustomOp* GateMaskOp() {
  static const Op op;
  return &op;
}

}  // namespace perforated_conv::ort
