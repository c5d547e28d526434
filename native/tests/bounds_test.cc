// Operators read and write their arrays and nothing beside them.
#include <gtest/gtest.h>

#include <vector>

#include "guarded.h"
#include "subjects.h"

namespace perforated_conv {
namespace {

class BoundsTest : public testing::TestWithParam<Level> {};

Floats GuardedRun(const Subject& subject, const Inputs& inputs, Edge edge) {
  const Guarded<float> x(inputs.x, edge);
  const Guarded<uint8_t> mask(inputs.mask, edge);
  const Guarded<float> residual(inputs.residual, edge);
  const Guarded<float> y(Floats(inputs.residual.size(), std::nanf("")), edge);
  subject.run({x.data(), mask.data(), residual.data(), y.data()}, SerialExecutor());
  return {y.data(), y.data() + inputs.residual.size()};
}

TEST_P(BoundsTest, ForbiddenPagesBesideEveryArrayAreNotTouched) {
  for (const Subject& subject : Subjects(GetParam())) {
    for (const double density : {0.0, 0.3, 0.9, 1.0}) {
      const Inputs inputs = RandomInputs(subject, density, 1);
      const Floats expected = Compute(subject, inputs, SerialExecutor());
      EXPECT_EQ(GuardedRun(subject, inputs, Edge::kStart), expected) << subject.name;
      EXPECT_EQ(GuardedRun(subject, inputs, Edge::kEnd), expected) << subject.name;
    }
  }
}

TEST_P(BoundsTest, WhatIsReadIsNotWritten) {
  for (const Subject& subject : Subjects(GetParam())) {
    const Inputs inputs = RandomInputs(subject, 0.5, 2);
    const Inputs before = inputs;
    Compute(subject, inputs, SerialExecutor());
    EXPECT_EQ(inputs.x, before.x) << subject.name;
    EXPECT_EQ(inputs.mask, before.mask) << subject.name;
    EXPECT_EQ(inputs.residual, before.residual) << subject.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, BoundsTest, testing::ValuesIn(LevelsHere()),
                         [](const auto& info) { return LevelName(info.param); });

}  // namespace
}  // namespace perforated_conv
