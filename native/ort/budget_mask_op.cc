// pag::BudgetMask for ONNX Runtime: checks what arrives, then perforated_conv::BudgetMask.
#include "conv_attributes.h"
#include "ops.h"
#include "perforated_conv/budget_mask.h"

namespace perforated_conv::ort {
namespace {

class BudgetMaskKernel {
 public:
  explicit BudgetMaskKernel(const OrtKernelInfo* info) : coarse_stride_(ReadCoarseStride(info)) {}

  OrtStatusPtr ComputeV2(OrtKernelContext* raw_context) {
    return Guarded([&] { Compute(raw_context); });
  }

 private:
  void Compute(OrtKernelContext* raw_context) const {
    const Ort::KernelContext context(raw_context);
    const Input scores = GetInput(context, 0, "S");
    const Input ratio = GetInput(context, 1, "ratio");
    scores.RequireRank(3, "[N,H,W]");
    ratio.RequireShape({scores.shape[0]},
                       [&] { return "one per image of S " + Text(scores.shape); });

    BudgetMaskCall call;
    call.images = scores.shape[0];
    call.height = scores.shape[1];
    call.width = scores.shape[2];
    call.coarse_stride = coarse_stride_;
    call.scores = scores.floats();
    call.ratio = ratio.floats();
    call.mask = static_cast<uint8_t*>(context.GetOutput(0, scores.shape).GetTensorMutableRawData());
    BudgetMask(call, PoolExecutor(raw_context));
  }

  const int64_t coarse_stride_;
};

struct Op : Ort::CustomOpBase<Op, BudgetMaskKernel, /*WithStatus=*/true> {
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
    return Guarded([&] { *kernel = new BudgetMaskKernel(info); });
  }
  const char* GetName() const { return "BudgetMask"; }
  size_t GetInputTypeCount() const { return 2; }
  ONNXTensorElementDataType GetInputType(size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
  }
};

}  // namespace

const OrtCustomOp* BudgetMaskOp() {
  static const Op op;
  return &op;
}

}  // namespace perforated_conv::ort
