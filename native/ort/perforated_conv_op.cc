// pag::PerforatedConv for ONNX Runtime: checks what arrives, then perforated_conv::Convolution.
#include <optional>

#include "conv_attributes.h"
#include "ops.h"

namespace perforated_conv::ort {
namespace {

struct Packed {
  ConvSpec spec;
  Convolution convolution;
};

Packed Pack(const ConvAttributes& attributes, const Input& weights) {
  const ConvSpec spec = SpecFor(attributes, weights);
  return {spec, Convolution(spec, weights.floats())};
}

class PerforatedConvKernel {
 public:
  explicit PerforatedConvKernel(const OrtKernelInfo* info) : attributes_(ReadConvAttributes(info)) {
    int constant = 0;
    const Ort::ConstValue weights = Ort::ConstKernelInfo(info).GetTensorConstantInput(1, &constant);
    if (constant != 0) packed_.emplace(Pack(attributes_, View("W", weights)));
  }

  OrtStatusPtr ComputeV2(OrtKernelContext* raw_context) {
    return Guarded([&] {
      if (packed_) return Compute(*packed_, raw_context);
      const Ort::KernelContext context(raw_context);
      Compute(Pack(attributes_, GetInput(context, 1, "W")), raw_context);
    });
  }

 private:
  static void Compute(const Packed& packed, OrtKernelContext* raw_context) {
    const Ort::KernelContext context(raw_context);
    const Input x = GetInput(context, 0, "X");
    const Input bias = GetInput(context, 2, "B");
    const Input mask = GetInput(context, 3, "M");
    const Input residual = GetInput(context, 4, "R");
    const Shape y = ConvolvedShape(packed.spec, x);
    bias.RequireShape({y[3]}, [] { return "one per output channel"; });
    const auto why = [&] { return "X has shape " + Text(x.shape) + ", so Y has " + Text(y); };
    mask.RequireShape({y[0], y[1], y[2]}, why);
    residual.RequireShape(y, why);

    ConvCall call;
    call.images = x.shape[0];
    call.height = x.shape[1];
    call.width = x.shape[2];
    call.x = x.floats();
    call.bias = bias.floats();
    call.mask = static_cast<const uint8_t*>(mask.data);
    call.residual = residual.floats();
    call.y = context.GetOutput(0, y).GetTensorMutableData<float>();
    packed.convolution.Run(call, PoolExecutor(raw_context));
  }

  const ConvAttributes attributes_;
  std::optional<Packed> packed_;
};

struct Op : Ort::CustomOpBase<Op, PerforatedConvKernel, /*WithStatus=*/true> {
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
    return Guarded([&] { *kernel = new PerforatedConvKernel(info); });
  }
  const char* GetName() const { return "PerforatedConv"; }
  size_t GetInputTypeCount() const { return 5; }
  ONNXTensorElementDataType GetInputType(size_t index) const {
    return index == 3 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(size_t index) const {
    return index < 2 ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
  size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
};

}  // namespace

const OrtCustomOp* PerforatedConvOp() {
  static const Op op;
  return &op;
}

}  // namespace perforated_conv::ort
