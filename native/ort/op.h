// One operator of this library as ONNX Runtime sees it, made from a description.
#pragma once

#include <iterator>
#include <optional>
#include <vector>

#include "tensors.h"

namespace perforated_conv::ort {

// kWeight: as other inputs, but packed when the session is made if it is constant by then, and at
// each call if it is not.
enum class Role { kData, kWeight };
enum class Presence { kRequired, kOptional };

struct InputInfo {
  const char* name;
  Presence presence = Presence::kRequired;
  Role role = Role::kData;
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
};

// The inputs of role kWeight in their order.
using Weights = std::vector<Input>;

// Nothing if one of the weights changes from call to call.
std::optional<Weights> ConstantWeights(const OrtKernelInfo* info, const InputInfo* inputs,
                                       size_t count);

// One call of a node.
class Call {
 public:
  Call(OrtKernelContext* context, const InputInfo* inputs)
      : raw_(context), context_(context), inputs_(inputs) {}

  Input In(size_t index) const { return GetInput(context_, index, inputs_[index].name); }
  Weights InWeights(size_t count) const;

  // The output of this shape.
  template <typename T>
  T* Out(const Shape& shape) const {
    return static_cast<T*>(context_.GetOutput(0, shape).GetTensorMutableRawData());
  }
  PoolExecutor executor() const { return PoolExecutor(raw_); }

 private:
  OrtKernelContext* raw_;
  Ort::KernelContext context_;
  const InputInfo* inputs_;
};

// Node describes an operator:
//   kName, kInputs (an array of InputInfo), kOutput (element type)
//   Attributes Read(const OrtKernelInfo*)
//   Packed Pack(const Attributes&, const Weights&)
//   void Run(const Packed&, const Call&)
template <typename Node>
class NodeKernel {
 public:
  explicit NodeKernel(const OrtKernelInfo* info) : attributes_(Node::Read(info)) {
    const auto weights = ConstantWeights(info, Node::kInputs, std::size(Node::kInputs));
    if (weights) packed_.emplace(Node::Pack(attributes_, *weights));
  }

  OrtStatusPtr ComputeV2(OrtKernelContext* context) {
    return Guarded([&] {
      const Call call(context, Node::kInputs);
      if (packed_) return Node::Run(*packed_, call);
      Node::Run(Node::Pack(attributes_, call.InWeights(std::size(Node::kInputs))), call);
    });
  }

 private:
  const typename Node::Attributes attributes_;
  std::optional<const typename Node::Packed> packed_;
};

template <typename Node>
struct Op : Ort::CustomOpBase<Op<Node>, NodeKernel<Node>, /*WithStatus=*/true> {
  OrtStatusPtr CreateKernelV2(const OrtApi&, const OrtKernelInfo* info, void** kernel) const {
    return Guarded([&] { *kernel = new NodeKernel<Node>(info); });
  }
  const char* GetName() const { return Node::kName; }
  size_t GetInputTypeCount() const { return std::size(Node::kInputs); }
  ONNXTensorElementDataType GetInputType(size_t index) const { return Node::kInputs[index].type; }
  OrtCustomOpInputOutputCharacteristic GetInputCharacteristic(size_t index) const {
    const bool required = Node::kInputs[index].presence == Presence::kRequired;
    return required ? INPUT_OUTPUT_REQUIRED : INPUT_OUTPUT_OPTIONAL;
  }
  size_t GetOutputTypeCount() const { return 1; }
  ONNXTensorElementDataType GetOutputType(size_t) const { return Node::kOutput; }
};

// Lives as long as the library.
template <typename Node>
const OrtCustomOp* TheOp() {
  static const Op<Node> op;
  return &op;
}

}  // namespace perforated_conv::ort
