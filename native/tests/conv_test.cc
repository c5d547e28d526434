// Convolution against plain loops, at every kernel level of this CPU, on one and on many threads.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "levels.h"
#include "perforated_conv/perforated_conv.h"
#include "reference.h"
#include "threads.h"

namespace perforated_conv {
namespace {

struct Layer {
  const char* name;
  int64_t height, width, in_channels, out_channels;
  int64_t kernel, stride, dilation, pad;
  bool depthwise;
};

constexpr Layer kLayers[] = {
    {"pointwise", 9, 11, 40, 70, 1, 1, 1, 0, false},
    {"dilated", 10, 9, 33, 50, 3, 1, 2, 2, false},
    {"strided", 13, 12, 3, 32, 3, 2, 1, 1, false},
    {"strided_dilated", 14, 15, 5, 3, 3, 2, 2, 2, false},
    {"one_channel", 7, 8, 1, 1, 5, 1, 1, 2, false},
    {"deep", 4, 5, 130, 17, 3, 1, 1, 1, false},
    {"no_padding", 9, 9, 6, 40, 4, 3, 1, 0, false},
    {"depthwise3", 9, 10, 37, 37, 3, 1, 1, 1, true},
    {"depthwise5", 11, 8, 150, 150, 5, 2, 2, 4, true},
    {"depthwise_wide", 11, 40, 150, 150, 5, 2, 1, 2, true},
    {"pixels", 40, 31, 8, 16, 1, 1, 1, 0, false},
};

ConvSpec SpecOf(const Layer& layer) {
  ConvSpec spec;
  spec.in_channels = layer.in_channels;
  spec.out_channels = layer.out_channels;
  spec.kernel_h = spec.kernel_w = layer.kernel;
  spec.stride_h = spec.stride_w = layer.stride;
  spec.dilation_h = spec.dilation_w = layer.dilation;
  spec.pad_top = spec.pad_left = spec.pad_bottom = spec.pad_right = layer.pad;
  spec.depthwise = layer.depthwise;
  return spec;
}

class ConvTest : public testing::TestWithParam<std::tuple<Isa, Precision, Layer>> {
 protected:
  void SetUp() override {
    if (std::get<Isa>(GetParam()) > DetectIsa()) GTEST_SKIP() << "not on this CPU";
    spec = SpecOf(std::get<Layer>(GetParam()));
  }

  // Runs two images; density < 0: no mask.
  void Check(double density, bool residual) {
    const Layer& layer = std::get<Layer>(GetParam());
    const int64_t depth = spec.depthwise ? 1 : spec.in_channels;
    const Floats weights =
        RandomFloats(spec.out_channels * layer.kernel * layer.kernel * depth, random);
    const Floats bias = RandomFloats(spec.out_channels, random);
    const Floats x = RandomFloats(2 * layer.height * layer.width * spec.in_channels, random);
    const int64_t pixels = 2 * spec.OutHeight(layer.height) * spec.OutWidth(layer.width);
    const std::vector<uint8_t> mask = RandomMask(pixels, std::max(density, 0.0), random);
    const Floats r = RandomFloats(pixels * spec.out_channels, random);
    Floats y(r.size(), std::nanf(""));

    ConvCall call;
    call.images = 2;
    call.height = layer.height;
    call.width = layer.width;
    call.x = x.data();
    call.bias = bias.data();
    call.mask = density < 0 ? nullptr : mask.data();
    call.residual = residual ? r.data() : nullptr;
    call.y = y.data();
    const Precision precision = std::get<Precision>(GetParam());
    Convolution(spec, weights.data(), std::get<Isa>(GetParam()), precision).Run(call, Threads());

    const Floats expected = Reference{spec, call, weights.data()}.Y();
    // float32: each of the additions rounds by half a unit of a partial sum, at most about
    // 2 sqrt(terms). bfloat16: both factors of each term are rounded by 2^-9, and the errors of the
    // terms add up as their square root; six times that.
    const auto terms = static_cast<double>(spec.MacsPerPixel() / spec.out_channels + 10);
    const double tolerance =
        precision == Precision::kF32 ? 2e-7 * terms : 6.0 / 512 * std::sqrt(terms) / 3;
    for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], tolerance) << "at " << i;
  }

  ConvSpec spec;
  std::mt19937 random{1};
};

TEST_P(ConvTest, Dense) { Check(-1.0, false); }

TEST_P(ConvTest, EveryDensityFillAndActivation) {
  for (const double density : {0.0, 0.01, 0.5, 1.0}) {
    for (const Fill fill : {Fill::kZero, Fill::kInterpolate}) {
      for (const Activation activation :
           {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
        spec.fill = fill;
        spec.activation = activation;
        Check(density, false);
        Check(density, true);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, ConvTest, AtEveryLevel(kLayers), LevelAndName<Layer>);

}  // namespace
}  // namespace perforated_conv
