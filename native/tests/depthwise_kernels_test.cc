// Each depthwise kernel of the table against plain loops.
#include "kernel_fixture.h"

namespace perforated_conv {
namespace {

template <typename T>
void CheckSites(const Kernel<T>& kernel, int rows, int64_t taps, int64_t channels,
                std::mt19937& random) {
  // Row i sees tap t in input pixel 3i + 2t.
  const std::vector<T> x = RandomValues<T>((3 * rows + 2 * taps) * channels, random);
  const std::vector<T> w = RandomValues<T>(taps * channels, random);
  const Floats bias = RandomFloats(channels, random);
  const OutputRows<T> out(rows, channels, random);
  std::vector<const T*> sites;
  for (int64_t i = 0; i < rows; ++i) sites.push_back(x.data() + 3 * i * channels);
  std::vector<int64_t> offsets;
  for (int64_t t = 0; t < taps; ++t) offsets.push_back(2 * t * channels);
  Epilogue<T> expected = out.Plain();
  expected.low = -0.5f;
  expected.high = 0.75f;
  kernel.depthwise_sites({rows, taps, channels, channels, offsets.data(), sites.data(), w.data(),
                          bias.data(), expected.low, expected.high, out.y_rows.data()});
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      double sum = bias[static_cast<size_t>(c)];
      for (int64_t t = 0; t < taps; ++t) {
        sum += Value(sites[static_cast<size_t>(i)][2 * t * channels + c]) *
               Value(w[static_cast<size_t>(t * channels + c)]);
      }
      out.ExpectRow(expected, i, c, sum);
    }
    out.ExpectNothingBeyond(i);
  }
}

template <typename T>
void CheckAllSites(const Kernel<T>& kernel, std::mt19937& random) {
  for (const int64_t taps : {1, 2, 9, 25}) {
    for (const int rows : {1, 3, 4, 11}) {
      for (int64_t channels = 1; channels < 140; ++channels) {
        CheckSites(kernel, rows, taps, channels, random);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

template <typename T>
void CheckSitesKeepNan(const Kernel<T>& kernel, std::mt19937& random) {
  const std::vector<T> x = RandomValues<T>(3, random);
  const std::vector<T> w(3, T{});
  const Floats bias = {-1.0f, std::nanf(""), 7.0f};
  const int64_t offset = 0;
  const OutputRows<T> out(1, 3, random);
  const T* site = x.data();
  kernel.depthwise_sites(
      {1, 1, 3, 3, &offset, &site, w.data(), bias.data(), 0.0f, 6.0f, out.y_rows.data()});
  EXPECT_EQ(Value(out.y[0]), 0.0);
  EXPECT_TRUE(std::isnan(Value(out.y[1])));
  EXPECT_EQ(Value(out.y[2]), 6.0);
}

using FloatDepthwiseTest = KernelTest<float>;
using Bf16DepthwiseTest = KernelTest<bf16>;

TEST_P(FloatDepthwiseTest, SitesOfEveryChannelCount) { CheckAllSites(kernel(), random); }
TEST_P(Bf16DepthwiseTest, SitesOfEveryChannelCount) { CheckAllSites(kernel(), random); }
TEST_P(FloatDepthwiseTest, ClampKeepsNan) { CheckSitesKeepNan(kernel(), random); }
TEST_P(Bf16DepthwiseTest, ClampKeepsNan) { CheckSitesKeepNan(kernel(), random); }

TEST_P(FloatDepthwiseTest, TilesOfEveryChannelCount) {
  constexpr int64_t kTaps = 9;
  for (int rows = 1; rows <= kDepthwiseRows; ++rows) {
    for (int64_t channels = 1; channels < 150; ++channels) {
      const Floats x = RandomFloats(kTaps * kDepthwiseRows * channels, random);
      const Floats w = RandomFloats(kTaps * channels, random);
      const Floats bias = RandomFloats(channels, random);
      std::vector<const float*> taps;
      for (int64_t i = 0; i < kTaps * kDepthwiseRows; ++i) taps.push_back(x.data() + i * channels);
      const OutputRows<float> rows_out(rows, channels, random);
      const Epilogue<float> out = rows_out.Full();
      kernel().depthwise(
          {rows, kTaps, channels, 0, channels, 0, taps.data(), w.data(), bias.data(), &out});
      for (int64_t i = 0; i < rows * channels; ++i) {
        const int64_t c = i % channels;
        double sum = bias[static_cast<size_t>(c)];
        for (int64_t t = 0; t < kTaps; ++t) {
          sum += double{taps[static_cast<size_t>(t * kDepthwiseRows + i / channels)][c]} *
                 w[static_cast<size_t>(t * channels + c)];
        }
        rows_out.ExpectRow(out, i / channels, c, sum);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, FloatDepthwiseTest, TableRows<float>(), RowName<float>);
INSTANTIATE_TEST_SUITE_P(Table, Bf16DepthwiseTest, TableRows<bf16>(), RowName<bf16>);

}  // namespace
}  // namespace perforated_conv
