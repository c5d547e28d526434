// pag::BudgetMask for ONNX Runtime: checks what arrives, then perforated_conv::BudgetMask.
#include "conv_attributes.h"
#include "op.h"
#include "ops.h"
#include "perforated_conv/budget_mask.h"

namespace perforated_conv::ort {
namespace {

enum InputIndex : size_t { kScores, kRatio };

struct BudgetMaskNode {
  static constexpr char kName[] = "BudgetMask";
  static constexpr InputInfo kInputs[] = {{"S"}, {"ratio"}};
  static constexpr auto kOutput = ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;

  struct Attributes {
    int64_t coarse_stride;
  };
  using Packed = Attributes;

  static Attributes Read(const OrtKernelInfo* info) { return {ReadCoarseStride(info)}; }

  static Packed Pack(const Attributes& attributes, const Weights&) { return attributes; }

  static void Run(const Packed& packed, const Call& node) {
    const Input scores = node.In(kScores);
    const Input ratio = node.In(kRatio);
    scores.RequireRank(3, "[N,H,W]");
    RequireOnePerImage(ratio, scores);
    BudgetMaskCall call;
    SetMap(scores, call);
    call.coarse_stride = packed.coarse_stride;
    call.scores = scores.floats();
    call.ratio = ratio.floats();
    call.mask = node.Out<uint8_t>(scores.shape);
    BudgetMask(call, node.executor());
  }
};

}  // namespace

const OrtCustomOp* BudgetMaskOp() { return TheOp<BudgetMaskNode>(); }

}  // namespace perforated_conv::ort
