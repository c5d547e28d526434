// The kernels that walk over maps without weights: interpolation and rounding to bf16.
#include "kernel_fixture.h"

namespace perforated_conv {
namespace {

// Which of four rows of values the blend takes: none, four, two pairs, one pixel four times.
constexpr int kSources[][4] = {
    {-1, -1, -1, -1}, {0, 1, 2, 3}, {0, 0, 2, 2}, {0, 1, 0, 1}, {0, 0, 0, 0}};

template <typename T>
void CheckBlend(const Kernel<T>& kernel, int64_t channels, const int (&sources)[4],
                std::mt19937& random) {
  std::vector<T> v[4];
  for (std::vector<T>& values : v) values = RandomValues<T>(channels, random);
  const OutputRows<T> out(1, channels, random);
  for (const float* r : {static_cast<const float*>(nullptr), out.residual_rows[0]}) {
    BlendRow<T> row = {channels, {}, r, -0.5f, 0.75f, out.y_rows[0]};
    for (int i = 0; i < 4; ++i) row.v[i] = sources[i] < 0 ? nullptr : v[sources[i]].data();
    kernel.blend(row);
    Epilogue<T> expected = {out.y_rows.data(), &r, nullptr, row.low, row.high};
    if (r == nullptr) expected.r = nullptr;
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0.0;
      for (const int source : sources)
        sum += source < 0 ? 0.0 : Value(v[source][static_cast<size_t>(c)]);
      out.ExpectRow(expected, 0, c, sum / 4);
    }
    out.ExpectNothingBeyond(0);
  }
}

template <typename T>
void CheckBlends(const Kernel<T>& kernel, std::mt19937& random) {
  for (int64_t channels = 1; channels < 140; ++channels) {
    for (const auto& sources : kSources) CheckBlend(kernel, channels, sources, random);
    if (testing::Test::HasFatalFailure()) return;
  }
}

template <typename T>
void CheckBlendKeepsNan(const Kernel<T>& kernel, std::mt19937& random) {
  std::vector<T> v;
  for (const float value : {-4.0f, 0.5f, 8.0f, std::nanf(""), 1.0f}) v.push_back(Rounded<T>(value));
  const OutputRows<T> out(1, 5, random);
  kernel.blend({5, {v.data(), v.data(), v.data(), v.data()}, nullptr, 0.0f, 6.0f, out.y_rows[0]});
  EXPECT_EQ(Value(out.y[0]), 0.0);
  EXPECT_EQ(Value(out.y[1]), 0.5);
  EXPECT_EQ(Value(out.y[2]), 6.0);
  EXPECT_TRUE(std::isnan(Value(out.y[3])));
  EXPECT_EQ(Value(out.y[4]), 1.0);
}

using FloatMapTest = KernelTest<float>;
using Bf16MapTest = KernelTest<bf16>;

TEST_P(FloatMapTest, BlendOfEveryChannelCount) { CheckBlends(kernel(), random); }
TEST_P(Bf16MapTest, BlendOfEveryChannelCount) { CheckBlends(kernel(), random); }
TEST_P(FloatMapTest, BlendKeepsNanAndClamps) { CheckBlendKeepsNan(kernel(), random); }
TEST_P(Bf16MapTest, BlendKeepsNanAndClamps) { CheckBlendKeepsNan(kernel(), random); }

TEST_P(FloatMapTest, DotOfEveryChannelCount) {
  for (int64_t channels = 1; channels < 70; ++channels) {
    for (const int64_t pixels : {1, 4, 7}) {
      const int64_t step = channels + 3;
      const Floats x = RandomFloats(pixels * step, random);
      const Floats w = RandomFloats(channels, random);
      Floats y(static_cast<size_t>(pixels));
      kernel().dot({pixels, channels, step, x.data(), w.data(), 0.25f, y.data()});
      for (int64_t i = 0; i < pixels; ++i) {
        double sum = 0.25;
        for (int64_t c = 0; c < channels; ++c) {
          sum += double{x[static_cast<size_t>(i * step + c)]} * w[static_cast<size_t>(c)];
        }
        // Some dozen roundings by 2^-24 of sums below 8.
        ASSERT_NEAR(y[static_cast<size_t>(i)], sum, 1e-5);
      }
    }
  }
}

TEST_P(Bf16MapTest, NarrowRoundsToNearestEven) {
  const Floats from = {1.0f, 1.00390625f, 1.01171875f, -1.004f, kInfinity, 3.4e38f, 0.0f};
  const Floats expected = {1.0f, 1.0f, 1.015625f, -1.0078125f, kInfinity, kInfinity, 0.0f};
  std::vector<bf16> to(from.size());
  kernel().narrow(from.data(), to.data(), static_cast<int64_t>(from.size()));
  for (size_t i = 0; i < from.size(); ++i) EXPECT_EQ(ToFloat(to[i]), expected[i]);
}

TEST_P(Bf16MapTest, NarrowKeepsNan) {
  float nan;
  const uint32_t only_low_bits = 0x7f800001;
  std::memcpy(&nan, &only_low_bits, sizeof nan);
  bf16 to;
  kernel().narrow(&nan, &to, 1);
  EXPECT_TRUE(std::isnan(ToFloat(to)));
}

TEST_P(Bf16MapTest, NarrowOfEveryLength) {
  for (int64_t n = 1; n < 140; ++n) {
    const Floats from = RandomFloats(n, random);
    std::vector<bf16> to(static_cast<size_t>(n + 1), ToBf16(99.0f));
    kernel().narrow(from.data(), to.data(), n);
    for (size_t i = 0; i < from.size(); ++i) ASSERT_EQ(to[i].bits, ToBf16(from[i]).bits);
    ASSERT_EQ(ToFloat(to.back()), 99.0f);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, FloatMapTest, TableRows<float>(), RowName<float>);
INSTANTIATE_TEST_SUITE_P(Table, Bf16MapTest, TableRows<bf16>(), RowName<bf16>);

}  // namespace
}  // namespace perforated_conv
