#include "op.h"

namespace perforated_conv::ort {
namespace {

bool IsAbsent(const Ort::ConstKernelInfo& node, size_t index) {
  return index >= node.GetInputCount() || node.GetInputName(index).empty();
}

// Nothing if the input changes from call to call; without data if it is left out.
std::optional<Input> Constant(const Ort::ConstKernelInfo& node, size_t index, const char* name) {
  if (IsAbsent(node, index)) return Input{name, {}, nullptr};
  int constant = 0;
  const Ort::ConstValue value = node.GetTensorConstantInput(index, &constant);
  if (constant == 0) return std::nullopt;
  return View(name, value);
}

}  // namespace

std::optional<Weights> ConstantWeights(const OrtKernelInfo* info, const InputInfo* inputs,
                                       size_t count) {
  const Ort::ConstKernelInfo node(info);
  Weights weights;
  for (size_t i = 0; i < count; ++i) {
    if (inputs[i].role != Role::kWeight) continue;
    std::optional<Input> weight = Constant(node, i, inputs[i].name);
    if (!weight) return std::nullopt;
    weights.push_back(std::move(*weight));
  }
  return weights;
}

Weights Call::InWeights(size_t count) const {
  Weights weights;
  for (size_t i = 0; i < count; ++i) {
    if (inputs_[i].role == Role::kWeight) weights.push_back(In(i));
  }
  return weights;
}

}  // namespace perforated_conv::ort
