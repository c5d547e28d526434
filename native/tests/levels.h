// The kernel levels that tests go through.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include "perforated_conv/cpu_features.h"

namespace perforated_conv {

inline std::string LevelName(Isa isa, Precision precision) {
  return std::string(IsaName(isa)) + "_" + PrecisionName(precision);
}

// Parameters of a test: each of the subjects at each level and precision.
template <typename Subjects>
auto AtEveryLevel(const Subjects& subjects) {
  return testing::Combine(testing::ValuesIn(kEveryIsa),
                          testing::Values(Precision::kF32, Precision::kBf16),
                          testing::ValuesIn(subjects));
}

template <typename Subject>
std::string LevelAndName(const testing::TestParamInfo<std::tuple<Isa, Precision, Subject>>& info) {
  const auto& [isa, precision, subject] = info.param;
  return LevelName(isa, precision) + "_" + subject.name;
}

}  // namespace perforated_conv
