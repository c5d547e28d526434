// pag::Bottleneck for ONNX Runtime: checks what arrives, then perforated_conv::Bottleneck.
#include <array>
#include <optional>

#include "conv_attributes.h"
#include "ops.h"
#include "perforated_conv/bottleneck.h"

namespace perforated_conv::ort {
namespace {

enum InputIndex : size_t {
  kX,
  kWFirst,
  kBFirst,
  kW,
  kB,
  kWLast,
  kBLast,
  kM,
  kR,
  kInputs,
};
constexpr std::array<const char*, kInputs> kNames = {"X",      "W_first", "B_first", "W", "B",
                                                     "W_last", "B_last",  "M",       "R"};

struct Packed {
  BottleneckSpec spec;
  Bottleneck bottleneck;
};

struct Weights {
  Input first, middle, last;
};

std::string Channels(const ConvSpec& from, const ConvSpec& to) {
  return std::to_string(from.out_channels) + " channels arrive, " + std::to_string(to.in_channels) +
         " are needed";
}

BottleneckSpec SpecFor(const BottleneckAttributes& attributes, const Weights& weights) {
  BottleneckSpec spec;
  spec.inner_activation = attributes.inner_activation;
  spec.activation = attributes.activation;
  spec.fill = attributes.fill;
  spec.middle = SpecFor(attributes.middle, weights.middle);
  spec.last = SpecFor({{}, 1}, weights.last);
  if (!spec.last.IsPointwise())
    Refuse("W_last must be [Co,1,1,C2], is " + Text(weights.last.shape));
  if (spec.last.in_channels != spec.middle.out_channels) {
    Refuse("W_last " + Text(weights.last.shape) + " does not fit W " + Text(weights.middle.shape) +
           ": " + Channels(spec.middle, spec.last));
  }
  if (weights.first.data == nullptr) {
    if (!spec.middle.depthwise) Refuse("without W_first the middle convolution must be depthwise");
    return spec;
  }
  spec.first = SpecFor(attributes.first, weights.first);
  if (spec.middle.in_channels != spec.first->out_channels) {
    Refuse("W " + Text(weights.middle.shape) + " does not fit W_first " +
           Text(weights.first.shape) + ": " + Channels(*spec.first, spec.middle));
  }
  return spec;
}

Packed Pack(const BottleneckAttributes& attributes, const Weights& weights) {
  const BottleneckSpec spec = SpecFor(attributes, weights);
  return {spec, Bottleneck(spec, {weights.first.floats(), weights.middle.floats(),
                                  weights.last.floats()})};
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

class BottleneckKernel {
 public:
  explicit BottleneckKernel(const OrtKernelInfo* info)
      : attributes_(ReadBottleneckAttributes(info)) {
    const Ort::ConstKernelInfo node(info);
    const std::optional<Input> first = Constant(node, kWFirst);
    const std::optional<Input> middle = Constant(node, kW);
    const std::optional<Input> last = Constant(node, kWLast);
    if (first && middle && last) packed_.emplace(Pack(attributes_, {*first, *middle, *last}));
  }

  OrtStatusPtr ComputeV2(OrtKernelContext* raw_context) {
    return Guarded([&] {
      if (packed_) return Compute(*packed_, raw_context);
      const Ort::KernelContext context(raw_context);
      const Weights weights = {Get(context, kWFirst), Get(context, kW), Get(context, kWLast)};
      Compute(Pack(attributes_, weights), raw_context);
    });
  }

 private:
  static Input Get(const Ort::KernelContext& context, InputIndex index) {
    return GetInput(context, index, kNames[index]);
  }

  static bool IsAbsent(const Ort::ConstKernelInfo& node, InputIndex index) {
    return index >= node.GetInputCount() || node.GetInputName(index).empty();
  }

  // Nothing if the input changes from call to call; without data if it is left out.
  static std::optional<Input> Constant(const Ort::ConstKernelInfo& node, InputIndex index) {
    if (IsAbsent(node, index)) return Input{kNames[index], {}, nullptr};
    int constant = 0;
    const Ort::ConstValue value = node.GetTensorConstantInput(index, &constant);
    if (constant == 0) return std::nullopt;
    return View(kNames[index], value);
  }

  static void Compute(const Packed& packed, OrtKernelContext* raw_context) {
    const Ort::KernelContext context(raw_context);
    const BottleneckSpec& spec = packed.spec;
    const Input x = Get(context, kX);
    const Input mask = Get(context, kM);
    const Input residual = Get(context, kR);
    const Shape y = OutputShape(spec, x, mask.data != nullptr);
    const auto why = [&] { return "X has shape " + Text(x.shape) + ", so Y has " + Text(y); };
    mask.RequireShape({y[0], y[1], y[2]}, why);
    residual.RequireShape(y, why);

    BottleneckCall call;
    call.images = x.shape[0];
    call.height = x.shape[1];
    call.width = x.shape[2];
    call.x = x.floats();
    if (spec.first) call.first_bias = Bias(context, kBFirst, *spec.first);
    call.middle_bias = Bias(context, kB, spec.middle);
    call.last_bias = Bias(context, kBLast, spec.last);
    call.mask = static_cast<const uint8_t*>(mask.data);
    call.residual = residual.floats();
    call.y = context.GetOutput(0, y).GetTensorMutableData<float>();
    packed.bottleneck.Run(call, PoolExecutor(raw_context));
  }

  static const float* Bias(const Ort::KernelContext& context, InputIndex index,
                           const ConvSpec& spec) {
    const Input bias = Get(context, index);
    bias.RequireShape({spec.out_channels}, [] { return "one per output channel"; });
    return bias.floats();
  }

  const BottleneckAttributes attributes_;
  std::optional<Packed> packed_;
};

struct Op : Ort::CustomOpBase<Op, BottleneckKernel, /*WithStatus=*/true> {
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
    return Guarded([&] { *kernel = new BottleneckKernel(info); });
  }
  const char* GetName() const { return "Bottleneck"; }
  size_t GetInputTypeCount() const { return kInputs; }
  ONNXTensorElementDataType GetInputType(size_t index) const {
    return index == kM ? ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(size_t index) const {
    const bool required = index == kX || index == kW || index == kWLast;
    return required ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
  size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(size_t) const {
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  }
};

}  // namespace

const OrtCustomOp* BottleneckOp() {
  static const Op op;
  return &op;
}

}  // namespace perforated_conv::ort
