// Items on a few threads in whatever order they come to them.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "perforated_conv/executor.h"

namespace perforated_conv {

class Threads final : public Executor {
 public:
  void Run(int64_t items, void (*body)(void*, int64_t), void* context) const override {
    std::atomic<int64_t> next{0};
    const auto work = [&] {
      for (int64_t i = next++; i < items; i = next++) body(context, i);
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
  }
};

}  // namespace perforated_conv
