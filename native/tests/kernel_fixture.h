// The fixture of tests of the kernel table: one test per row, values of either type, tolerances.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "bf16.h"
#include "kernels/kernel.h"
#include "reference.h"

namespace perforated_conv {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

inline double Value(float v) { return v; }
inline double Value(bf16 v) { return ToFloat(v); }

template <typename T>
T Rounded(float v) {
  if constexpr (std::is_same_v<T, bf16>) {
    return ToBf16(v);
  } else {
    return v;
  }
}

// Inputs are rounded before they are used, so that kernel and plain loop start from the same.
template <typename T>
std::vector<T> RandomValues(int64_t count, std::mt19937& random) {
  std::vector<T> values;
  for (const float v : RandomFloats(count, random)) values.push_back(Rounded<T>(v));
  return values;
}

// `sums`: error of summing in float in another order. Then the result is rounded once: half of
// the last of bf16's 8 bits.
template <typename T>
double Tolerance(double expected, double sums) {
  return sums + (std::is_same_v<T, bf16> ? std::abs(expected) / 256 : 0.0);
}

template <typename T>
class KernelTest : public testing::TestWithParam<Kernel<T>> {
 protected:
  void SetUp() override {
    if (kernel().isa > DetectIsa()) GTEST_SKIP() << "not on this CPU";
    if (kernel().enter != nullptr) kernel().enter();
  }
  void TearDown() override {
    if (kernel().isa <= DetectIsa() && kernel().leave != nullptr) kernel().leave();
  }

  static const Kernel<T>& kernel() { return KernelTest::GetParam(); }

  std::mt19937 random{1};
};

// rows x channels values to be written, behind pointers as kernels take them, and the same of
// residuals. Each row ends in one value that must stay.
template <typename Y>
struct OutputRows {
  OutputRows(int rows, int64_t channels_in, std::mt19937& random)
      : channels(channels_in),
        y(static_cast<size_t>(rows * (channels + 1)), Rounded<Y>(kUntouched)),
        raw(y),
        residual(RandomFloats(rows * (channels + 1), random)) {
    for (int64_t i = 0; i < rows; ++i) {
      y_rows.push_back(y.data() + i * (channels + 1));
      raw_rows.push_back(i % 2 == 0 ? raw.data() + i * (channels + 1) : nullptr);
      residual_rows.push_back(residual.data() + i * (channels + 1));
    }
  }

  // y = v alone, or everything that an epilogue can do.
  Epilogue<Y> Plain() const { return {y_rows.data(), nullptr, nullptr, -kInfinity, kInfinity}; }
  Epilogue<Y> Full() const {
    return {y_rows.data(), residual_rows.data(), raw_rows.data(), -0.5f, 0.75f};
  }

  void ExpectRow(const Epilogue<Y>& out, int64_t i, int64_t c, double v) const {
    double expected = v;
    if (out.r != nullptr) expected += out.r[i][c];
    expected = std::min<double>(std::max<double>(expected, out.low), out.high);
    ASSERT_NEAR(Value(out.y[i][c]), expected, Tolerance<Y>(expected, kSums));
    if (out.raw != nullptr && out.raw[i] != nullptr) {
      ASSERT_NEAR(Value(out.raw[i][c]), v, Tolerance<Y>(v, kSums));
    }
  }
  void ExpectNothingBeyond(int64_t i) const {
    ASSERT_EQ(Value(y_rows[static_cast<size_t>(i)][channels]), kUntouched);
  }

  static constexpr float kUntouched = 99.0f;
  static constexpr double kSums = 3e-5;
  int64_t channels;
  std::vector<Y> y, raw;
  Floats residual;
  std::vector<Y*> y_rows, raw_rows;
  std::vector<const float*> residual_rows;
};

template <typename T>
auto TableRows() {
  return testing::ValuesIn(Kernels<T>().first, Kernels<T>().last);
}

template <typename T>
std::string RowName(const testing::TestParamInfo<Kernel<T>>& info) {
  return IsaName(info.param.isa);
}

}  // namespace perforated_conv
