#include "tensors.h"

#include <new>
#include <stdexcept>

namespace perforated_conv::ort {
namespace {

// True if `status` is success; frees it.
bool Succeeded(OrtStatus* status) { return Ort::Status(status).IsOK(); }

bool IsPresent(const OrtKernelInfo* info, const char* name) {
  const OrtApi& api = Ort::GetApi();
  int64_t number;
  float real;
  size_t size = 0;
  return Succeeded(api.KernelInfoGetAttribute_int64(info, name, &number)) ||
         Succeeded(api.KernelInfoGetAttribute_float(info, name, &real)) ||
         Succeeded(api.KernelInfoGetAttribute_string(info, name, nullptr, &size)) ||
         Succeeded(api.KernelInfoGetAttributeArray_int64(info, name, nullptr, &size)) ||
         Succeeded(api.KernelInfoGetAttributeArray_float(info, name, nullptr, &size));
}

void RefuseIfPresent(const OrtKernelInfo* info, const char* name, const char* type) {
  if (IsPresent(info, name)) Refuse(std::string("attribute ") + name + " must be " + type);
}

struct PoolRun {
  void (*body)(void*, int64_t);
  void* context;
  std::atomic<bool> failed{false};
};

void RunItem(void* data, size_t item) {
  auto* run = static_cast<PoolRun*>(data);
  try {
    run->body(run->context, static_cast<int64_t>(item));
  } catch (...) {
    run->failed = true;
  }
}

}  // namespace

std::string Text(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? "," : "") + std::to_string(shape[i]);
  return text + "]";
}

void Refuse(const std::string& message) { throw std::invalid_argument(message); }

void Input::RequireRank(size_t rank, const char* axes) const {
  if (shape.size() == rank) return;
  Refuse(name + " must be " + axes + ", has shape " + Text(shape));
}

void Input::RefuseShape(const Shape& expected, const std::string& why) const {
  Refuse(name + " has shape " + Text(shape) + ", must be " + Text(expected) + " (" + why + ")");
}

Input View(const char* name, Ort::ConstValue value) {
  // An empty tensor may have no memory, and must not pass for an input left out.
  static const float nothing = 0.0f;
  const void* data = value.GetTensorRawData();
  return {name, value.GetTensorTypeAndShapeInfo().GetShape(), data == nullptr ? &nothing : data};
}

Input GetInput(const Ort::KernelContext& context, size_t index, const char* name) {
  if (index >= context.GetInputCount()) return {name, {}, nullptr};
  const Ort::ConstValue value = context.GetInput(index);
  if (value == nullptr) return {name, {}, nullptr};
  return View(name, value);
}

std::vector<int64_t> GetInts(const OrtKernelInfo* info, const char* name,
                             std::vector<int64_t> absent) {
  const OrtApi& api = Ort::GetApi();
  size_t size = 0;
  if (!Succeeded(api.KernelInfoGetAttributeArray_int64(info, name, nullptr, &size))) {
    RefuseIfPresent(info, name, "a list of integers");
    return absent;
  }
  std::vector<int64_t> values(size);
  Ort::ThrowOnError(api.KernelInfoGetAttributeArray_int64(info, name, values.data(), &size));
  return values;
}

int64_t GetInt(const OrtKernelInfo* info, const char* name, int64_t absent) {
  int64_t value;
  if (Succeeded(Ort::GetApi().KernelInfoGetAttribute_int64(info, name, &value))) return value;
  RefuseIfPresent(info, name, "an integer");
  return absent;
}

std::string GetString(const OrtKernelInfo* info, const char* name, const char* absent) {
  const OrtApi& api = Ort::GetApi();
  size_t size = 0;  // with the terminating zero
  if (!Succeeded(api.KernelInfoGetAttribute_string(info, name, nullptr, &size))) {
    RefuseIfPresent(info, name, "a string");
    return absent;
  }
  std::string value(size, '\0');
  Ort::ThrowOnError(api.KernelInfoGetAttribute_string(info, name, value.data(), &size));
  value.resize(size - 1);
  return value;
}

void PoolExecutor::Run(int64_t items, void (*body)(void*, int64_t), void* context) const {
  PoolRun run{body, context};
  // 0 batches: items are handed out one by one, so a slow chunk delays nobody.
  Ort::ThrowOnError(Ort::GetApi().KernelContext_ParallelFor(context_, RunItem,
                                                            static_cast<size_t>(items), 0, &run));
  if (run.failed) throw std::bad_alloc();
}

OrtStatusPtr StatusOfCurrentException() {
  const OrtApi& api = Ort::GetApi();
  try {
    throw;
  } catch (const std::invalid_argument& error) {
    return api.CreateStatus(ORT_INVALID_ARGUMENT, error.what());
  } catch (const Ort::Exception& error) {
    return api.CreateStatus(error.GetOrtErrorCode(), error.what());
  } catch (const std::bad_alloc&) {
    return api.CreateStatus(ORT_RUNTIME_EXCEPTION, "out of memory in a perforated_conv kernel");
  } catch (const std::exception& error) {
    return api.CreateStatus(ORT_RUNTIME_EXCEPTION, error.what());
  }
}

}  // namespace perforated_conv::ort
