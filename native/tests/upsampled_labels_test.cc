// Labels of UpsampledLabels against interpolation of every class in double precision.
#include "perforated_conv/upsampled_labels.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "guarded.h"
#include "reference.h"
#include "threads.h"

namespace perforated_conv {
namespace {

// Logits of at most 1, each product and sum rounded once.
constexpr double kRounding = 1e-6;

struct Case {
  int64_t rows, columns, classes, height, width;
  double extent_rows, extent_columns;
  int64_t images = 1;

  int64_t Logits() const { return images * rows * columns * classes; }
  int64_t Labels() const { return images * height * width; }
};

UpsampledLabelsCall CallOf(const Case& c, const float* logits, uint8_t* labels) {
  return {c.images, c.rows,        c.columns,        c.classes, c.height,
          c.width,  c.extent_rows, c.extent_columns, logits,    labels};
}

std::vector<uint8_t> Labels(const Case& c, const Floats& logits, const Executor& executor) {
  std::vector<uint8_t> labels(static_cast<size_t>(c.Labels()), 255);
  UpsampledLabels(CallOf(c, logits.data(), labels.data()), executor);
  return labels;
}

struct Place {
  int64_t low, high;
  double weight;

  Place(int64_t label, int64_t labels, int64_t pixels, double extent) {
    const double at = (static_cast<double>(label) + 0.5) * extent / static_cast<double>(labels);
    const double clamped = std::clamp(at - 0.5, 0.0, static_cast<double>(pixels - 1));
    low = static_cast<int64_t>(std::floor(clamped));
    high = std::min(low + 1, pixels - 1);
    weight = clamped - static_cast<double>(low);
  }
};

// Interpolated logits of all classes at label (y, x).
std::vector<double> Interpolated(const Case& c, const float* image, int64_t y, int64_t x) {
  const Place down(y, c.height, c.rows, c.extent_rows);
  const Place across(x, c.width, c.columns, c.extent_columns);
  std::vector<double> values;
  for (int64_t k = 0; k < c.classes; ++k) {
    const auto at = [&](int64_t i, int64_t j) {
      return double{image[(i * c.columns + j) * c.classes + k]};
    };
    const auto row = [&](int64_t i) {
      return (1 - across.weight) * at(i, across.low) + across.weight * at(i, across.high);
    };
    values.push_back((1 - down.weight) * row(down.low) + down.weight * row(down.high));
  }
  return values;
}

void ExpectWinners(const Case& c, const Floats& logits, const std::vector<uint8_t>& labels) {
  for (int64_t i = 0; i < c.Labels(); ++i) {
    const int64_t image = i / (c.height * c.width);
    const float* first = logits.data() + image * c.rows * c.columns * c.classes;
    const auto values = Interpolated(c, first, i / c.width % c.height, i % c.width);
    const auto best = std::max_element(values.begin(), values.end());
    ASSERT_LT(labels[i], c.classes);
    ASSERT_GE(values[labels[i]], *best - kRounding) << "label " << i;
  }
}

const Case kCases[] = {
    {1, 1, 1, 1, 1, 1.0, 1.0},         {1, 1, 3, 5, 9, 1.0, 1.0},
    {6, 7, 40, 48, 56, 6.0, 7.0},      {6, 7, 12, 200, 333, 5.5, 6.125},
    {3, 5, 256, 31, 77, 3.0, 5.0, 2},  {9, 8, 5, 4, 3, 9.0, 8.0},
    {4, 90, 17, 4, 90, 4.0, 90.0},     {2, 2, 2, 300, 300, 0.25, 0.5},
    {20, 1, 9, 7, 1000, 19.5, 1.0, 3},
};

TEST(UpsampledLabelsTest, AreTheClassesWithTheHighestInterpolatedLogits) {
  std::mt19937 random{1};
  for (const Case& c : kCases) {
    const Floats logits = RandomFloats(c.Logits(), random);
    ExpectWinners(c, logits, Labels(c, logits, SerialExecutor()));
  }
}

TEST(UpsampledLabelsTest, OneWinnerAtFourCornersWinsBetweenThem) {
  std::mt19937 random{2};
  const Case c = {8, 8, 6, 64, 64, 8.0, 8.0};
  Floats logits = RandomFloats(c.Logits(), random);
  for (int64_t pixel = 0; pixel < 32; ++pixel) logits[pixel * 6 + 4] = 2.0f;
  const std::vector<uint8_t> labels = Labels(c, logits, SerialExecutor());
  ExpectWinners(c, logits, labels);
  EXPECT_TRUE(std::all_of(labels.begin(), labels.begin() + 28 * 64, [](int l) { return l == 4; }));
}

// Few whole values make ties common, and eighths keep them exact.
TEST(UpsampledLabelsTest, TiesGoToTheLowerClass) {
  std::mt19937 random{3};
  const Case c = {9, 9, 8, 36, 36, 9.0, 9.0};
  for (int round = 0; round < 50; ++round) {
    Floats logits = RandomFloats(c.Logits(), random);
    for (float& logit : logits) logit = std::round(1.4f * logit);
    const std::vector<uint8_t> labels = Labels(c, logits, SerialExecutor());
    for (int64_t i = 0; i < c.Labels(); ++i) {
      const auto values = Interpolated(c, logits.data(), i / c.width, i % c.width);
      ASSERT_EQ(labels[i], std::max_element(values.begin(), values.end()) - values.begin());
    }
  }
}

TEST(UpsampledLabelsTest, ThreadsChangeNothing) {
  std::mt19937 random{4};
  for (const Case& c : kCases) {
    const Floats logits = RandomFloats(c.Logits(), random);
    EXPECT_EQ(Labels(c, logits, Threads()), Labels(c, logits, SerialExecutor()));
  }
}

TEST(UpsampledLabelsTest, NothingBesideTheArraysIsTouched) {
  std::mt19937 random{5};
  for (const Case& c : kCases) {
    const Floats logits = RandomFloats(c.Logits(), random);
    const std::vector<uint8_t> expected = Labels(c, logits, SerialExecutor());
    for (const Edge edge : {Edge::kStart, Edge::kEnd}) {
      const Guarded<float> read(logits, edge);
      const Guarded<uint8_t> written(std::vector<uint8_t>(expected.size()), edge);
      UpsampledLabels(CallOf(c, read.data(), written.data()), SerialExecutor());
      EXPECT_TRUE(std::equal(expected.begin(), expected.end(), written.data()));
    }
  }
}

// Which class wins is not specified, but every result is a class.
TEST(UpsampledLabelsTest, LogitsThatAreNotNumbersGiveSomeClass) {
  const Case c = {3, 3, 5, 24, 24, 3.0, 3.0};
  for (const float odd : {std::nanf(""), INFINITY, -INFINITY}) {
    Floats logits(static_cast<size_t>(c.Logits()), 0.0f);
    for (size_t i = 0; i < logits.size(); i += 2) logits[i] = odd;
    for (const uint8_t label : Labels(c, logits, SerialExecutor())) EXPECT_LT(label, 5);
  }
}

}  // namespace
}  // namespace perforated_conv
