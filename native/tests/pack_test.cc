// Where each weight lands in the packed order.
#include "pack.h"

#include <gtest/gtest.h>

#include <numeric>

#include "bf16.h"
#include "reference.h"

namespace perforated_conv {
namespace {

template <typename T>
MapKernel<T> KernelOf(int panel_width, int depth_step) {
  MapKernel<T> kernel{};
  kernel.panel_width = panel_width;
  kernel.depth_step = depth_step;
  return kernel;
}

constexpr int kWidth = 8;

// 1, 2, 3...: exact in bf16 up to 256.
Floats Counted(int64_t count) {
  Floats weights(static_cast<size_t>(count));
  std::iota(weights.begin(), weights.end(), 1.0f);
  return weights;
}

TEST(PackedPanelsTest, EveryFloatIsFoundInItsPanelAndRow) {
  constexpr int64_t kDepth = 5;
  for (int64_t channels = 1; channels <= 20; ++channels) {
    const Floats weights = Counted(channels * kDepth);
    const PackedPanels<float> panels(weights.data(), channels, kDepth, KernelOf<float>(kWidth, 1));
    for (int64_t o = 0; o < channels; ++o) {
      for (int64_t k = 0; k < kDepth; ++k) {
        EXPECT_EQ(panels.Row(o / kWidth, k)[o % kWidth],
                  weights[static_cast<size_t>(o * kDepth + k)]);
      }
    }
  }
}

TEST(PackedPanelsTest, EveryBf16IsFoundInItsPanelRowAndPair) {
  constexpr int64_t kDepth = 11;
  for (int64_t channels = 1; channels <= 20; ++channels) {
    const Floats weights = Counted(channels * kDepth);
    const PackedPanels<bf16> panels(weights.data(), channels, kDepth, KernelOf<bf16>(kWidth, 4));
    EXPECT_EQ(panels.padded_depth(), 12);
    for (int64_t o = 0; o < channels; ++o) {
      const int64_t panel = o / kWidth;
      for (int64_t k = 0; k < panels.padded_depth(); ++k) {
        const bf16* pairs = panels.Row(panel, k / 4 * 4) + k % 4 / 2 * 2 * panels.Width(panel);
        const float expected = k < kDepth ? weights[static_cast<size_t>(o * kDepth + k)] : 0.0f;
        EXPECT_EQ(ToFloat(pairs[o % kWidth * 2 + k % 2]), expected);
      }
    }
  }
}

TEST(PackedPanelsTest, TheLastPanelIsHalfIfThatIsEnoughAndPaddedWithZeros) {
  const Floats ones(11, 1.0f);
  const PackedPanels<float> panels(ones.data(), 11, 1, KernelOf<float>(kWidth, 1));
  EXPECT_EQ(panels.count(), 2);
  EXPECT_EQ(panels.Width(0), 8);
  EXPECT_EQ(panels.Width(1), 4);
  EXPECT_EQ(panels.padded_channels(), 12);
  EXPECT_EQ(panels.Row(1, 0)[3], 0.0f);
}

TEST(PackDepthwiseTest, TapsComeFirst) {
  const Floats weights = {1, 2, 3, 4, 5, 6};  // [C = 2, taps = 3]
  EXPECT_EQ(PackDepthwise<float>(weights.data(), 2, 3), (Floats{1, 4, 2, 5, 3, 6}));
  Floats packed;
  for (const bf16 v : PackDepthwise<bf16>(weights.data(), 2, 3)) packed.push_back(ToFloat(v));
  EXPECT_EQ(packed, (Floats{1, 4, 2, 5, 3, 6}));
}

TEST(ToBf16Test, RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(ToFloat(ToBf16(1.00390625f)), 1.0f);
  EXPECT_EQ(ToFloat(ToBf16(1.01171875f)), 1.015625f);
  EXPECT_EQ(ToFloat(ToBf16(-1.004f)), -1.0078125f);
  EXPECT_TRUE(std::isinf(ToFloat(ToBf16(3.4e38f))));
  EXPECT_TRUE(std::isnan(ToFloat(ToBf16(std::nanf("")))));
}

}  // namespace
}  // namespace perforated_conv
