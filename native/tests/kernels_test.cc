// Each kernel of the table against plain loops, and the choice among them.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "kernels/kernel.h"
#include "reference.h"

namespace perforated_conv {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

constexpr Kernel<float> kKernels[] = {
#define PERFORATED_CONV_KERNEL(isa, name, rows, width) \
  {Isa::isa,                                           \
   rows,                                               \
   width,                                              \
   1,                                                  \
   Gemm_##name,                                        \
   Gemm_##name,                                        \
   Depthwise_##name,                                   \
   DepthwiseRun_##name,                                \
   DepthwiseSites_##name,                              \
   Blend_##name},
#include "kernels/kernels.inc"
#undef PERFORATED_CONV_KERNEL
};

class KernelTest : public testing::TestWithParam<Kernel<float>> {
 protected:
  void SetUp() override {
    if (GetParam().isa > DetectIsa()) GTEST_SKIP() << "not on this CPU";
  }

  // rows x channels floats to be written, behind pointers as kernels take them.
  void MakeRows(int rows, int64_t channels) {
    y.assign(static_cast<size_t>(rows * channels), 99.0f);
    pointers.clear();
    for (int i = 0; i < rows; ++i) pointers.push_back(y.data() + i * channels);
    out = {pointers.data(), nullptr, nullptr, -kInfinity, kInfinity};
  }

  void CheckGemm(int rows, int width, int64_t channels) {
    constexpr int64_t kDepth = 37;
    const Floats a = RandomFloats(rows * kRowStride, random);
    const Floats b = RandomFloats(2 * kDepth * width, random);
    const Floats bias = RandomFloats(width, random);
    Floats partial(static_cast<size_t>(rows * width));
    MakeRows(rows, channels);
    // The same a twice, over two blocks of b: the second call starts from the first's partial.
    GemmTile<float, float> tile{rows,     width,       kDepth,         a.data(), kRowStride,
                                b.data(), bias.data(), partial.data(), true,     false,
                                0,        0,           channels,       &out};
    GetParam().gemm(tile);
    tile.b += kDepth * width;
    tile.first = false;
    tile.last = true;
    GetParam().gemm(tile);
    for (int i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < channels; ++j) {
        double sum = bias[static_cast<size_t>(j)];
        for (int64_t k = 0; k < 2 * kDepth; ++k) {
          sum += double{a[static_cast<size_t>(i * kRowStride + k % kDepth)]} *
                 b[static_cast<size_t>(k * width + j)];
        }
        ASSERT_NEAR(pointers[static_cast<size_t>(i)][j], sum, 2e-5);
      }
    }
  }

  std::mt19937 random{1};
  Floats y;
  std::vector<float*> pointers;
  Epilogue<float> out;
};

TEST_P(KernelTest, GemmOfEveryTileSizeAndPanelWidth) {
  for (int rows = 1; rows <= GetParam().tile_rows; ++rows) {
    for (const int width : {GetParam().panel_width / 2, GetParam().panel_width}) {
      for (int64_t channels = 1; channels <= width; ++channels) CheckGemm(rows, width, channels);
    }
  }
}

TEST_P(KernelTest, DepthwiseOfEveryChannelCount) {
  constexpr int64_t kTaps = 9;
  for (int rows = 1; rows <= kDepthwiseRows; ++rows) {
    for (int64_t channels = 1; channels < 150; ++channels) {
      const Floats x = RandomFloats(kTaps * kDepthwiseRows * channels, random);
      const Floats w = RandomFloats(kTaps * channels, random);
      const Floats bias = RandomFloats(channels, random);
      std::vector<const float*> taps;
      for (int64_t i = 0; i < kTaps * kDepthwiseRows; ++i) taps.push_back(x.data() + i * channels);
      MakeRows(rows, channels);
      GetParam().depthwise(
          {rows, kTaps, channels, 0, channels, 0, taps.data(), w.data(), bias.data(), &out});
      for (int64_t i = 0; i < rows * channels; ++i) {
        const int64_t c = i % channels;
        double sum = bias[static_cast<size_t>(c)];
        for (int64_t t = 0; t < kTaps; ++t) {
          sum += double{taps[static_cast<size_t>(t * kDepthwiseRows + i / channels)][c]} *
                 w[static_cast<size_t>(t * channels + c)];
        }
        ASSERT_NEAR(y[static_cast<size_t>(i)], sum, 1e-5);
      }
    }
  }
}

TEST_P(KernelTest, BlendKeepsNanAndClamps) {
  const Floats v = {-4.0f, 0.5f, 8.0f, std::nanf(""), 1.0f};
  Floats result(v.size());
  GetParam().blend({static_cast<int64_t>(v.size()),
                    {v.data(), v.data(), v.data(), v.data()},
                    nullptr,
                    0.0f,
                    6.0f,
                    result.data()});
  EXPECT_EQ(result[0], 0.0f);
  EXPECT_EQ(result[1], 0.5f);
  EXPECT_EQ(result[2], 6.0f);
  EXPECT_TRUE(std::isnan(result[3]));
  EXPECT_EQ(result[4], 1.0f);
}

INSTANTIATE_TEST_SUITE_P(Table, KernelTest, testing::ValuesIn(kKernels),
                         [](const auto& info) { return std::string(IsaName(info.param.isa)); });

TEST(BestKernelTest, TakesTheBestThatTheLevelAllows) {
  for (const Kernel<float>& kernel : kKernels) EXPECT_EQ(BestKernel(kernel.isa).isa, kernel.isa);
}

TEST(BestKernelTest, PanelsOfEveryKernelFitThePaddedBias) {
  for (const Kernel<float>& kernel : kKernels) {
    EXPECT_EQ(64 % kernel.panel_width, 0);
    EXPECT_LE(kernel.tile_rows, 16);
  }
}

}  // namespace
}  // namespace perforated_conv
