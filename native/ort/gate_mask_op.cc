// pag::GateMask for ONNX Runtime: checks what arrives, then perforated_conv::GateMask.
#include <optional>

#include "conv_attributes.h"
#include "ops.h"
#include "perforated_conv/gate_mask.h"

namespace perforated_conv::ort {
namespace {

struct Packed {
  ConvSpec spec;
  GateMask gate;
};

class GateMaskKernel {
 public:
  explicit GateMaskKernel(const OrtKernelInfo* info)
      : attributes_(ReadGateAttributes(info)), coarse_stride_(ReadCoarseStride(info)) {
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
    const ConvSpec spec = SpecFor(attributes_, weights);
    if (spec.out_channels != 1) Refuse("W must be [1,kh,kw,Ci], is " + Text(weights.shape));
    return {spec, GateMask(spec, weights.floats(), coarse_stride_)};
  }

  static void Compute(const Packed& packed, OrtKernelContext* raw_context) {
    const Ort::KernelContext context(raw_context);
    const Input x = GetInput(context, 0, "X");
    const Input bias = GetInput(context, 2, "B");
    const Input ratio = GetInput(context, 3, "ratio");
    const Shape y = ConvolvedShape(packed.spec, x);
    bias.RequireShape({1}, [] { return "the score's"; });
    ratio.RequireShape({x.shape[0]}, [&] { return "one per image of X " + Text(x.shape); });

    GateMaskCall call;
    call.images = x.shape[0];
    call.height = x.shape[1];
    call.width = x.shape[2];
    call.x = x.floats();
    call.bias = bias.floats();
    call.ratio = ratio.floats();
    const Shape mask = {y[0], y[1], y[2]};
    call.mask = static_cast<uint8_t*>(context.GetOutput(0, mask).GetTensorMutableRawData());
    packed.gate.Run(call, PoolExecutor(raw_context));
  }

  const ConvAttributes attributes_;
  const int64_t coarse_stride_;
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
