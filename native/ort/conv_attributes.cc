#include "conv_attributes.h"

#include <algorithm>
#include <limits>

namespace perforated_conv::ort {
namespace {

// Sizes beyond this are errors, and the arithmetic on them would leave 64 bits.
constexpr int64_t kLargest = 1 << 24;

std::vector<int64_t> ReadInts(const OrtKernelInfo* info, const char* name, size_t count,
                              int64_t smallest) {
  std::vector<int64_t> values = GetInts(info, name, std::vector<int64_t>(count, smallest));
  const bool good =
      values.size() == count && std::all_of(values.begin(), values.end(),
                                            [=](auto v) { return v >= smallest && v <= kLargest; });
  if (!good) {
    Refuse("attribute " + std::string(name) + " must be " + std::to_string(count) +
           " integers from " + std::to_string(smallest) + " to " + std::to_string(kLargest) +
           ", is " + Text(values));
  }
  return values;
}

template <typename T>
struct Named {
  const char* name;
  T value;
};

// The value that a string attribute names; the first if it is absent.
template <typename T, size_t kCount>
T ReadNamed(const OrtKernelInfo* info, const char* attribute, const Named<T> (&values)[kCount]) {
  const std::string name = GetString(info, attribute, values[0].name);
  std::string known;
  for (size_t i = 0; i < kCount; ++i) {
    if (name == values[i].name) return values[i].value;
    known += std::string(i == 0 ? "" : i + 1 < kCount ? ", " : " or ") + values[i].name;
  }
  Refuse("attribute " + std::string(attribute) + " must be " + known + ", is '" + name + "'");
}

Activation ReadActivation(const OrtKernelInfo* info, const char* attribute) {
  static constexpr Named<Activation> kActivations[] = {
      {"none", Activation::kNone}, {"relu", Activation::kRelu}, {"relu6", Activation::kRelu6}};
  return ReadNamed(info, attribute, kActivations);
}

Fill ReadFill(const OrtKernelInfo* info) {
  static constexpr Named<Fill> kFills[] = {{"zero", Fill::kZero},
                                           {"interpolate", Fill::kInterpolate}};
  return ReadNamed(info, "fill", kFills);
}

// Strides, dilations and pads under these names; no name: the default.
ConvSpec ReadGeometry(const OrtKernelInfo* info, const char* strides, const char* dilations,
                      const char* pads) {
  ConvSpec spec;
  const std::vector<int64_t> step = ReadInts(info, strides, 2, 1);
  const std::vector<int64_t> pad = ReadInts(info, pads, 4, 0);
  spec.stride_h = step[0];
  spec.stride_w = step[1];
  spec.pad_top = pad[0];
  spec.pad_left = pad[1];
  spec.pad_bottom = pad[2];
  spec.pad_right = pad[3];
  if (dilations == nullptr) return spec;
  const std::vector<int64_t> spread = ReadInts(info, dilations, 2, 1);
  spec.dilation_h = spread[0];
  spec.dilation_w = spread[1];
  return spec;
}

}  // namespace

ConvAttributes ReadConvAttributes(const OrtKernelInfo* info) {
  ConvAttributes attributes = {ReadGeometry(info, "strides", "dilations", "pads"),
                               GetInt(info, "group", 1)};
  attributes.spec.activation = ReadActivation(info, "activation");
  attributes.spec.fill = ReadFill(info);
  return attributes;
}

BottleneckAttributes ReadBottleneckAttributes(const OrtKernelInfo* info) {
  BottleneckAttributes attributes;
  attributes.first = {ReadGeometry(info, "first_strides", nullptr, "first_pads"), 1};
  attributes.middle = {ReadGeometry(info, "strides", "dilations", "pads"),
                       GetInt(info, "group", 1)};
  attributes.inner_activation = ReadActivation(info, "inner_activation");
  attributes.activation = ReadActivation(info, "activation");
  attributes.fill = ReadFill(info);
  return attributes;
}

GateSpec ReadGateSpec(const OrtKernelInfo* info) {
  const std::vector<int64_t> strides = ReadInts(info, "strides", 2, 1);
  return {1, strides[0], strides[1], ReadCoarseStride(info)};
}

int64_t ReadCoarseStride(const OrtKernelInfo* info) {
  const int64_t stride = GetInt(info, "coarse_stride", 0);
  if (stride != 0 && stride != 2) {
    Refuse("coarse_stride must be 0 or 2, is " + std::to_string(stride));
  }
  return stride;
}

ConvSpec SpecFor(const ConvAttributes& attributes, const Input& weights) {
  weights.RequireRank(4, "[Co,kh,kw,Ci/group]");
  const Shape& shape = weights.shape;
  const auto sound = [](int64_t size) { return size >= 1 && size <= kLargest; };
  if (!std::all_of(shape.begin(), shape.end(), sound)) {
    Refuse(weights.name + " has an empty axis: " + Text(shape));
  }
  const int64_t group = attributes.group;
  if (group != 1 && (group != shape[0] || shape[3] != 1)) {
    Refuse("group must be 1 or depthwise (group = Ci = Co), is " + std::to_string(group) +
           " with " + weights.name + " " + Text(shape));
  }
  ConvSpec spec = attributes.spec;
  spec.out_channels = shape[0];
  spec.kernel_h = shape[1];
  spec.kernel_w = shape[2];
  spec.in_channels = shape[3] * group;
  spec.depthwise = group != 1;
  return spec;
}

void RequireChannels(const Input& x, const Shape& weights, int64_t channels) {
  x.RequireRank(4, "[N,H,W,Ci]");
  if (x.shape[3] == channels) return;
  Refuse(x.name + " has shape " + Text(x.shape) + ", W " + Text(weights) + " needs " +
         std::to_string(channels) + " channels");
}

void RequireMaskAndResidual(const Input& mask, const Input& residual, const Input& x,
                            const Shape& y) {
  const auto why = [&] { return "X has shape " + Text(x.shape) + ", so Y has " + Text(y); };
  mask.RequireShape({y[0], y[1], y[2]}, why);
  residual.RequireShape(y, why);
}

void RequireOnePerImage(const Input& ratio, const Input& maps) {
  ratio.RequireShape({maps.shape[0]},
                     [&] { return "one per image of " + maps.name + " " + Text(maps.shape); });
}

const float* Bias(const Input& bias, const ConvSpec& spec) {
  bias.RequireShape({spec.out_channels}, [] { return "one per output channel"; });
  return bias.floats();
}

Shape ConvolvedShape(const ConvSpec& spec, const Input& x) {
  const int64_t depth = spec.depthwise ? 1 : spec.in_channels;
  RequireChannels(x, {spec.out_channels, spec.kernel_h, spec.kernel_w, depth}, spec.in_channels);
  const Shape y = {x.shape[0], spec.OutHeight(x.shape[1]), spec.OutWidth(x.shape[2]),
                   spec.out_channels};
  if (y[1] <= 0 || y[2] <= 0) {
    Refuse("the output would be empty: " + x.name + " has shape " + Text(x.shape) + ", Y " +
           Text(y));
  }
  if (y[0] > std::numeric_limits<int32_t>::max() / y[1] / y[2]) {
    Refuse("Y " + Text(y) + " has more pixels than 2^31 - 1");
  }
  return y;
}

}  // namespace perforated_conv::ort
