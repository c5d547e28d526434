// A warm call allocates nothing, or what its Subject admits. In a program of its own, as it
// replaces operator new.
#include <gtest/gtest.h>

#include <new>
#include <thread>
#include <vector>

#include "counted_new.h"
#include "subjects.h"

namespace perforated_conv {
namespace {

constexpr double kDensities[] = {1.0, 0.0, 0.03, 0.4, 0.9};

// Calls with every mask; returns how often they allocated.
class Calls {
 public:
  explicit Calls(const Subject& subject) : subject_(subject), y_(Floats(subject.y_floats)) {
    for (const double density : kDensities) inputs_.push_back(RandomInputs(subject, density, 1));
  }

  int64_t count() const { return static_cast<int64_t>(inputs_.size()); }

  int64_t Run(const Executor& executor, int rounds = 1) {
    const int64_t before = Allocations();
    for (int i = 0; i < rounds; ++i) {
      for (const Inputs& inputs : inputs_) {
        subject_.run({inputs.x.data(), inputs.mask.data(), inputs.residual.data(), y_.data()},
                     executor);
      }
    }
    return Allocations() - before;
  }

 private:
  const Subject& subject_;
  std::vector<Inputs> inputs_;
  Floats y_;
};

class AllocationTest : public testing::TestWithParam<Level> {};

// Called as functions: a compiler may leave out a new expression whose memory is not used.
TEST(AllocationCountTest, CountsEveryFormOfNew) {
  constexpr std::align_val_t kAlignment{64};
  const int64_t before = Allocations();
  ::operator delete(::operator new(8));
  ::operator delete[](::operator new[](8));
  ::operator delete(::operator new(8, kAlignment), kAlignment);
  ::operator delete[](::operator new[](8, kAlignment), kAlignment);
  EXPECT_EQ(Allocations() - before, 4);
}

TEST_P(AllocationTest, WarmCallsAllocateNothing) {
  for (const Subject& subject : Subjects(GetParam())) {
    Calls calls(subject);
    calls.Run(SerialExecutor());
    EXPECT_EQ(calls.Run(SerialExecutor()), calls.count() * subject.allocations) << subject.name;
  }
}

void RunAtOnce(std::vector<Calls>& calls, int rounds) {
  std::vector<std::thread> callers;
  for (Calls& own : calls) callers.emplace_back([&] { own.Run(SerialExecutor(), rounds); });
  for (std::thread& caller : callers) caller.join();
}

// How many calls and tiles are under way at once varies, so the pool may grow a little later; but
// it grows with the number of threads, which allocate too, not with that of calls.
TEST_P(AllocationTest, WarmCallersAtOnceAllocateAlmostNothing) {
  constexpr int kCallers = 4, kRounds = 10;
  for (const Subject& subject : Subjects(GetParam())) {
    if (subject.allocations > 0) continue;
    std::vector<Calls> calls(kCallers, Calls(subject));
    RunAtOnce(calls, 1);
    const int64_t before = Allocations();
    RunAtOnce(calls, kRounds);
    EXPECT_LT(Allocations() - before, calls.front().count() * kRounds) << subject.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, AllocationTest, testing::ValuesIn(LevelsHere()),
                         [](const auto& info) { return LevelName(info.param); });

}  // namespace
}  // namespace perforated_conv
