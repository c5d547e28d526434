// One object serves any number of threads; how many share its work changes no bit of the result.
#include "threads.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "subjects.h"

namespace perforated_conv {
namespace {

constexpr int kCallers = 4;
constexpr double kDensities[] = {0.0, 0.05, 0.4, 0.8, 1.0};

class ThreadsTest : public testing::TestWithParam<Level> {
 protected:
  // A call per density, each caller beginning elsewhere; results equal to those of `alone`.
  static void Serve(const Subject& subject, const std::vector<Inputs>& inputs,
                    const std::vector<Floats>& alone, size_t caller, const Executor& executor) {
    for (size_t i = 0; i < 2 * inputs.size(); ++i) {
      const size_t which = (i + caller) % inputs.size();
      EXPECT_EQ(Compute(subject, inputs[which], executor), alone[which]) << subject.name;
    }
  }
};

std::vector<Inputs> SomeInputs(const Subject& subject) {
  std::vector<Inputs> inputs;
  for (const double density : kDensities) {
    inputs.push_back(RandomInputs(subject, density, static_cast<unsigned>(inputs.size())));
  }
  return inputs;
}

std::vector<Floats> ResultsAlone(const Subject& subject, const std::vector<Inputs>& inputs) {
  std::vector<Floats> results;
  for (const Inputs& input : inputs) results.push_back(Compute(subject, input, SerialExecutor()));
  return results;
}

TEST_P(ThreadsTest, WorkSharedByThreadsGivesTheSameBits) {
  for (const Subject& subject : Subjects(GetParam())) {
    const std::vector<Inputs> inputs = SomeInputs(subject);
    Serve(subject, inputs, ResultsAlone(subject, inputs), 0, Threads());
  }
}

TEST_P(ThreadsTest, CallersAtOnceGetTheirOwnResults) {
  for (const Subject& subject : Subjects(GetParam())) {
    const std::vector<Inputs> inputs = SomeInputs(subject);
    const std::vector<Floats> alone = ResultsAlone(subject, inputs);
    std::vector<std::thread> callers;
    for (size_t i = 0; i < kCallers; ++i) {
      callers.emplace_back([&, i] { Serve(subject, inputs, alone, i, SerialExecutor()); });
    }
    for (std::thread& caller : callers) caller.join();
  }
}

TEST_P(ThreadsTest, DifferentOperatorsMayRunAtOnce) {
  const std::vector<Subject> subjects = Subjects(GetParam());
  std::vector<std::thread> callers;
  for (const Subject& subject : subjects) {
    callers.emplace_back([&subject] {
      const std::vector<Inputs> inputs = SomeInputs(subject);
      Serve(subject, inputs, ResultsAlone(subject, inputs), 0, Threads());
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// Objects are made and destroyed beside one that runs.
TEST_P(ThreadsTest, AnObjectMayEndWhileAnotherRuns) {
  const Subject staying = Subjects(GetParam()).front();
  const std::vector<Inputs> inputs = SomeInputs(staying);
  const std::vector<Floats> alone = ResultsAlone(staying, inputs);
  std::thread others([] {
    for (int i = 0; i < 3; ++i) {
      for (const Subject& passing : Subjects(GetParam())) {
        Compute(passing, RandomInputs(passing, 0.3, 1), Threads());
      }
    }
  });
  for (size_t i = 0; i < 5; ++i) Serve(staying, inputs, alone, i, Threads());
  others.join();
}

INSTANTIATE_TEST_SUITE_P(Levels, ThreadsTest, testing::ValuesIn(LevelsHere()),
                         [](const auto& info) { return LevelName(info.param); });

}  // namespace
}  // namespace perforated_conv
