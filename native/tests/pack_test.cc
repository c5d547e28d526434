// Where each weight lands in the packed order.
#include "pack.h"

#include <gtest/gtest.h>

#include <numeric>

#include "reference.h"

namespace perforated_conv {
namespace {

TEST(PackedPanelsTest, EveryWeightIsFoundInItsPanelAndRow) {
  constexpr int64_t kDepth = 5;
  constexpr int kWidth = 8;
  for (int64_t channels = 1; channels <= 20; ++channels) {
    Floats weights(static_cast<size_t>(channels * kDepth));
    std::iota(weights.begin(), weights.end(), 1.0f);
    const PackedPanels panels(weights.data(), channels, kDepth, kWidth);
    for (int64_t o = 0; o < channels; ++o) {
      for (int64_t k = 0; k < kDepth; ++k) {
        EXPECT_EQ(panels.Row(o / kWidth, k)[o % kWidth],
                  weights[static_cast<size_t>(o * kDepth + k)]);
      }
    }
  }
}

TEST(PackedPanelsTest, TheLastPanelIsHalfIfThatIsEnoughAndPaddedWithZeros) {
  const Floats ones(11, 1.0f);
  const PackedPanels panels(ones.data(), 11, 1, 8);
  EXPECT_EQ(panels.count(), 2);
  EXPECT_EQ(panels.Width(0), 8);
  EXPECT_EQ(panels.Width(1), 4);
  EXPECT_EQ(panels.padded_channels(), 12);
  EXPECT_EQ(panels.Row(1, 0)[3], 0.0f);
}

TEST(PackDepthwiseTest, TapsComeFirst) {
  const Floats weights = {1, 2, 3, 4, 5, 6};  // [C = 2, taps = 3]
  EXPECT_EQ(PackDepthwise(weights.data(), 2, 3), (Floats{1, 4, 2, 5, 3, 6}));
}

}  // namespace
}  // namespace perforated_conv
