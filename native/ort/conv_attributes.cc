#include "conv_attributes.h"

#include <algorithm>

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

Activation ReadActivation(const OrtKernelInfo* info) {
  const std::string name = GetString(info, "activation", "none");
  if (name == "none") return Activation::kNone;
  if (name == "relu") return Activation::kRelu;
  if (name == "relu6") return Activation::kRelu6;
  Refuse("attribute activation must be none, relu or relu6, is '" + name + "'");
}

Fill ReadFill(const OrtKernelInfo* info) {
  const std::string name = GetString(info, "fill", "zero");
  if (name == "zero") return Fill::kZero;
  if (name == "interpolate") return Fill::kInterpolate;
  Refuse("attribute fill must be zero or interpolate, is '" + name + "'");
}

}  // namespace

ConvAttributes ReadConvAttributes(const OrtKernelInfo* info) {
  const std::vector<int64_t> strides = ReadInts(info, "strides", 2, 1);
  const std::vector<int64_t> dilations = ReadInts(info, "dilations", 2, 1);
  const std::vector<int64_t> pads = ReadInts(info, "pads", 4, 0);
  ConvAttributes attributes;
  ConvSpec& spec = attributes.spec;
  spec.stride_h = strides[0];
  spec.stride_w = strides[1];
  spec.dilation_h = dilations[0];
  spec.dilation_w = dilations[1];
  spec.pad_top = pads[0];
  spec.pad_left = pads[1];
  spec.pad_bottom = pads[2];
  spec.pad_right = pads[3];
  spec.activation = ReadActivation(info);
  spec.fill = ReadFill(info);
  attributes.group = GetInt(info, "group", 1);
  return attributes;
}

ConvSpec SpecFor(const ConvAttributes& attributes, const Input& weights) {
  weights.RequireRank(4, "[Co,kh,kw,Ci/group]");
  const Shape& shape = weights.shape;
  const auto sound = [](int64_t size) { return size >= 1 && size <= kLargest; };
  if (!std::all_of(shape.begin(), shape.end(), sound)) {
    Refuse("W has an empty axis: " + Text(shape));
  }
  const int64_t group = attributes.group;
  if (group != 1 && (group != shape[0] || shape[3] != 1)) {
    Refuse("group must be 1 or depthwise (group = Ci = Co), is " + std::to_string(group) +
           " with W " + Text(shape));
  }
  ConvSpec spec = attributes.spec;
  spec.out_channels = shape[0];
  spec.kernel_h = shape[1];
  spec.kernel_w = shape[2];
  spec.in_channels = shape[3] * group;
  spec.depthwise = group != 1;
  return spec;
}

}  // namespace perforated_conv::ort
