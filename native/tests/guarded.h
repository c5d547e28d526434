// A copy of an array hard against pages that must not be touched, so that one read or written value
// too many, which a sanitizer does not see in masked vector instructions, ends the test.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <new>
#include <vector>

namespace perforated_conv {

// Which side of the array borders on the forbidden page.
enum class Edge { kStart, kEnd };

template <typename T>
class Guarded {
 public:
  Guarded(const std::vector<T>& values, Edge edge) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = values.size() * sizeof(T);
    const size_t inner = (bytes + page - 1) / page * page;
    size_ = inner + 2 * page;
    pages_ = mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages_ == MAP_FAILED) throw std::bad_alloc();
    std::byte* first = static_cast<std::byte*>(pages_) + page;
    if (inner > 0 && mprotect(first, inner, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    data_ = reinterpret_cast<T*>(edge == Edge::kStart ? first : first + inner - bytes);
    if (bytes > 0) std::memcpy(data_, values.data(), bytes);
  }
  ~Guarded() { munmap(pages_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() const { return data_; }

 private:
  void* pages_;
  size_t size_;
  T* data_;
};

}  // namespace perforated_conv
