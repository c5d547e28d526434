// Counts, order and ties of BudgetMask against a stable sort.
#include "perforated_conv/budget_mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "reference.h"

namespace perforated_conv {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<uint8_t> Mask(const Floats& scores, int64_t width, float ratio, int64_t coarse_stride) {
  std::vector<uint8_t> mask(scores.size(), 2);
  BudgetMaskCall call;
  call.height = static_cast<int64_t>(scores.size()) / width;
  call.width = width;
  call.coarse_stride = coarse_stride;
  call.scores = scores.data();
  call.ratio = &ratio;
  call.mask = mask.data();
  BudgetMask(call, SerialExecutor());
  return mask;
}

std::vector<uint8_t> SortedMask(const Floats& scores, int64_t width, float ratio, int64_t stride) {
  const auto height = static_cast<int64_t>(scores.size()) / width;
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto key = [&](size_t i) {
    const auto y = static_cast<int64_t>(i) / width;
    const auto x = static_cast<int64_t>(i) % width;
    const bool grid = stride > 0 && y % stride == 0 && x % stride == 0;
    return std::make_pair(!grid, std::isnan(scores[i]) ? kInfinity : -scores[i]);
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
  const auto n = static_cast<int64_t>(scores.size());
  order.resize(static_cast<size_t>(BudgetPixels(ratio, n, GridPixels(height, width, stride))));
  std::vector<uint8_t> mask(scores.size(), 0);
  for (const size_t i : order) mask[i] = 1;
  return mask;
}

TEST(BudgetPixelsTest, IsACeilingThatHoldsTheGrid) {
  EXPECT_EQ(BudgetPixels(0.5f, 7, 0), 3);
  EXPECT_EQ(BudgetPixels(0.1f, 9, 4), 4);
  EXPECT_EQ(BudgetPixels(1.0f, 7, 4), 7);
  EXPECT_EQ(BudgetPixels(9.0f, 7, 4), 7);
  EXPECT_EQ(BudgetPixels(kInfinity, 7, 4), 7);
  EXPECT_EQ(BudgetPixels(-1.0f, 7, 4), 4);
  EXPECT_EQ(BudgetPixels(std::nanf(""), 7, 4), 4);
}

TEST(BudgetMaskTest, AgreesWithAStableSort) {
  std::mt19937 random{1};
  const Floats odd_values = {kInfinity, -kInfinity, std::nanf(""), 0.0f, -0.0f};
  for (int64_t width = 1; width < 12; ++width) {
    Floats scores = RandomFloats(width * 9, random);
    for (size_t i = 0; i < scores.size(); i += 3) scores[i] = odd_values[i % odd_values.size()];
    for (const float ratio : {0.0f, 0.1f, 0.3f, 0.5f, 0.9f, 1.0f}) {
      for (const int64_t stride : {0, 2}) {
        EXPECT_EQ(Mask(scores, width, ratio, stride), SortedMask(scores, width, ratio, stride));
      }
    }
  }
}

TEST(BudgetMaskTest, TiesGoToTheLowerIndex) {
  EXPECT_EQ(Mask({1, 1, 1, 1, 1, 1}, 3, 0.5f, 0), (std::vector<uint8_t>{1, 1, 1, 0, 0, 0}));
}

}  // namespace
}  // namespace perforated_conv
