// A warm call allocates nothing. In a program of its own, as it replaces operator new.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>
#include <vector>

#include "subjects.h"

namespace {

std::atomic<int64_t> allocations{0};

void* Allocate(size_t bytes, size_t alignment) {
  ++allocations;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, bytes > 0 ? bytes : 1) != 0) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return Allocate(bytes, alignof(std::max_align_t)); }
void* operator new[](size_t bytes) { return Allocate(bytes, alignof(std::max_align_t)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return Allocate(bytes, static_cast<size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace perforated_conv {
namespace {

constexpr double kDensities[] = {1.0, 0.0, 0.03, 0.3, 0.5, 0.7, 0.95};

// Calls with every mask; returns how often they allocated.
class Calls {
 public:
  explicit Calls(const Subject& subject) : subject_(subject), y_(Floats(subject.y_floats)) {
    for (const double density : kDensities) inputs_.push_back(RandomInputs(subject, density, 1));
  }

  int64_t Run(const Executor& executor, int rounds = 1) {
    const int64_t before = allocations;
    for (int i = 0; i < rounds; ++i) {
      for (const Inputs& inputs : inputs_) {
        subject_.run({inputs.x.data(), inputs.mask.data(), inputs.residual.data(), y_.data()},
                     executor);
      }
    }
    return allocations - before;
  }

 private:
  const Subject& subject_;
  std::vector<Inputs> inputs_;
  Floats y_;
};

class AllocationTest : public testing::TestWithParam<Level> {};

TEST(AllocationCountTest, CountsEveryFormOfNew) {
  const int64_t before = allocations;
  delete new int;
  delete[] new int[3];
  std::vector<double>(5);
  EXPECT_EQ(allocations - before, 3);
}

TEST_P(AllocationTest, WarmCallsAllocateNothing) {
  for (const Subject& subject : Subjects(GetParam())) {
    Calls calls(subject);
    calls.Run(SerialExecutor());
    EXPECT_EQ(calls.Run(SerialExecutor(), 3), 0) << subject.name;
  }
}

// How many calls and tiles are under way at once varies, so the pool may grow a little later; but
// it grows with the number of threads, not of calls.
TEST_P(AllocationTest, WarmCallersAtOnceAllocateAlmostNothing) {
  constexpr int kCallers = 4, kRounds = 8;
  for (const Subject& subject : Subjects(GetParam())) {
    std::vector<Calls> calls(kCallers, Calls(subject));
    std::atomic<int64_t> warm{0};
    std::vector<std::thread> callers;
    for (Calls& own : calls) {
      callers.emplace_back([&] {
        own.Run(SerialExecutor());
        warm += own.Run(SerialExecutor(), kRounds);
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_LE(warm, 10 * kCallers) << subject.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, AllocationTest, testing::ValuesIn(LevelsHere()),
                         [](const auto& info) { return LevelName(info.param); });

}  // namespace
}  // namespace perforated_conv
