// ONNX Runtime as all operators use it: inputs, attributes, its thread pool, its errors.
#pragma once

// The library is loaded by ONNX Runtime and finds its API when it registers, not at load.
#ifndef ORT_API_MANUAL_INIT
#define ORT_API_MANUAL_INIT
#endif
#include <onnxruntime_cxx_api.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "perforated_conv/executor.h"

namespace perforated_conv::ort {

using Shape = std::vector<int64_t>;

std::string Text(const Shape& shape);

// Throws what Guarded turns into a status ORT_INVALID_ARGUMENT.
[[noreturn]] void Refuse(const std::string& message);

// An input of a node; data is null if the node leaves it out.
struct Input {
  std::string name;
  Shape shape;
  const void* data = nullptr;

  const float* floats() const { return static_cast<const float*>(data); }
  void RequireRank(size_t rank, const char* axes) const;
  // If present, it must have this shape; why() says where that comes from and is called only on
  // refusal.
  template <typename Why>
  void RequireShape(const Shape& expected, Why&& why) const {
    if (data != nullptr && shape != expected) RefuseShape(expected, why());
  }
  [[noreturn]] void RefuseShape(const Shape& expected, const std::string& why) const;
};

Input View(const char* name, Ort::ConstValue value);
Input GetInput(const Ort::KernelContext& context, size_t index, const char* name);

// Attributes with defaults; one of another type is refused, not ignored.
std::vector<int64_t> GetInts(const OrtKernelInfo* info, const char* name,
                             std::vector<int64_t> absent);
int64_t GetInt(const OrtKernelInfo* info, const char* name, int64_t absent);
std::string GetString(const OrtKernelInfo* info, const char* name, const char* absent);

// ONNX Runtime's own pool. An exception in an item is kept from crossing its C frames.
class PoolExecutor final : public Executor {
 public:
  explicit PoolExecutor(const OrtKernelContext* context) : context_(context) {}
  void Run(int64_t items, void (*body)(void*, int64_t), void* context) const override;

 private:
  const OrtKernelContext* context_;
};

OrtStatusPtr StatusOfCurrentException();

// Runs f; an exception becomes the status, as none may cross the C interface.
template <typename F>
OrtStatusPtr Guarded(F&& f) {
  try {
    std::forward<F>(f)();
    return nullptr;
  } catch (...) {
    return StatusOfCurrentException();
  }
}

}  // namespace perforated_conv::ort
