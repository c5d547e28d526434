// pag::UpsampledLabels for ONNX Runtime: checks what arrives, then
// perforated_conv::UpsampledLabels.
#include <algorithm>

#include "op.h"
#include "ops.h"
#include "perforated_conv/upsampled_labels.h"

namespace perforated_conv::ort {
namespace {

enum InputIndex : size_t { kLogits, kSize, kExtent };

struct UpsampledLabelsNode {
  static constexpr char kName[] = "UpsampledLabels";
  static constexpr InputInfo kInputs[] = {
      {"L"},
      {"size", Presence::kRequired, Role::kData, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
      {"extent", Presence::kOptional}};
  static constexpr auto kOutput = ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;

  struct Attributes {};
  using Packed = Attributes;

  static Attributes Read(const OrtKernelInfo*) { return {}; }

  static Packed Pack(const Attributes& attributes, const Weights&) { return attributes; }

  static void Run(const Packed&, const Call& node) {
    const Input logits = node.In(kLogits);
    const Input size = node.In(kSize);
    const Input extent = node.In(kExtent);
    RequireLogits(logits);
    size.RequireShape({2}, [] { return "height and width of the labels"; });
    extent.RequireShape({2}, [] { return "rows and columns of L"; });

    UpsampledLabelsCall call;
    call.images = logits.shape[0];
    call.rows = logits.shape[1];
    call.columns = logits.shape[2];
    call.classes = logits.shape[3];
    ReadSize(static_cast<const int64_t*>(size.data), call);
    ReadExtent(extent, call);
    call.logits = logits.floats();
    call.labels = node.Out<uint8_t>({call.images, call.height, call.width});
    UpsampledLabels(call, node.executor());
  }

 private:
  static void RequireLogits(const Input& logits) {
    logits.RequireRank(4, "[N,h,w,K]");
    const int64_t classes = logits.shape[3];
    if (logits.shape[1] < 1 || logits.shape[2] < 1 || classes < 1 || classes > kMostClasses) {
      Refuse("L has shape " + Text(logits.shape) + ", must have pixels and 1 to " +
             std::to_string(kMostClasses) + " classes");
    }
  }

  static void ReadSize(const int64_t* size, UpsampledLabelsCall& call) {
    constexpr int64_t kMost = int64_t{1} << 24;
    call.height = size[0];
    call.width = size[1];
    if (std::min(call.height, call.width) < 1 || std::max(call.height, call.width) > kMost) {
      Refuse("size is " + Text({size[0], size[1]}) + ", must be between 1 and 2^24");
    }
  }

  static void ReadExtent(const Input& extent, UpsampledLabelsCall& call) {
    const bool whole = extent.data == nullptr;
    call.extent_rows = whole ? static_cast<double>(call.rows) : extent.floats()[0];
    call.extent_columns = whole ? static_cast<double>(call.columns) : extent.floats()[1];
    const auto fits = [](double part, int64_t all) {
      return part > 0.0 && part <= static_cast<double>(all);
    };
    if (fits(call.extent_rows, call.rows) && fits(call.extent_columns, call.columns)) return;
    Refuse("extent is [" + std::to_string(call.extent_rows) + "," +
           std::to_string(call.extent_columns) + "], must be above 0 and within the " +
           Text({call.rows, call.columns}) + " pixels of L");
  }
};

}  // namespace

const OrtCustomOp* UpsampledLabelsOp() { return TheOp<UpsampledLabelsNode>(); }

}  // namespace perforated_conv::ort
