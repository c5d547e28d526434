// Who runs the items of a parallel loop: the host's thread pool, or the calling thread.
#pragma once

#include <cstdint>

namespace perforated_conv {

class Executor {
 public:
  virtual ~Executor() = default;

  // Calls body(context, i) once for each i in [0, items), in any order and on any thread, and
  // returns when all have returned.
  virtual void Run(int64_t items, void (*body)(void* context, int64_t item),
                   void* context) const = 0;

  template <typename F>
  void ForEach(int64_t items, F& f) const {
    Run(items, [](void* context, int64_t item) { (*static_cast<F*>(context))(item); }, &f);
  }
};

class SerialExecutor final : public Executor {
 public:
  void Run(int64_t items, void (*body)(void*, int64_t), void* context) const override {
    for (int64_t i = 0; i < items; ++i) body(context, i);
  }
};

}  // namespace perforated_conv
