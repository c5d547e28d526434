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

Activation ReadActivation(const OrtKernelInfo* info, const char* attribute = "activation") {
  const std::string name = GetString(info, attribute, "none");
  if (name == "none") return Activation::kNone;
  if (name == "relu") return Activation::kRelu;
  if (name == "relu6") return Activation::kRelu6;
  Refuse("attribute " + std::string(attribute) + " must be none, relu or relu6, is '" + name + "'");
}

Fill ReadFill(const OrtKernelInfo* info) {
  const std::string name = GetString(info, "fill", "zero");
  if (name == "zero") return Fill::kZero;
  if (name == "interpolate") return Fill::kInterpolate;
  Refuse("attribute fill must be zero or interpolate, is '" + name + "'");
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
  attributes.spec.activation = ReadActivation(info);
  attributes.spec.fill = ReadFill(info);
  return attributes;
}

BottleneckAttributes ReadBottleneckAttributes(const OrtKernelInfo* info) {
  BottleneckAttributes attributes;
  attributes.first = {ReadGeometry(info, "first_strides", nullptr, "first_pads"), 1};
  attributes.middle = {ReadGeometry(info, "strides", "dilations", "pads"),
                       GetInt(info, "group", 1)};
  attributes.inner_activation = ReadActivation(info, "inner_activation");
  attributes.activation = ReadActivation(info);
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

Shape ConvolvedShape(const ConvSpec& spec, const Input& x) {
  x.RequireRank(4, "[N,H,W,Ci]");
  if (x.shape[3] != spec.in_channels) {
    Refuse(x.name + " has shape " + Text(x.shape) + ", W " +
           Text({spec.out_channels, spec.kernel_h, spec.kernel_w,
                 spec.depthwise ? 1 : spec.in_channels}) +
           " needs " + std::to_string(spec.in_channels) + " channels");
  }
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
