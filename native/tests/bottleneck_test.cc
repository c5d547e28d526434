// Bottleneck against plain loops, in both precisions, on one and on many threads.
#include "perforated_conv/bottleneck.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "levels.h"
#include "reference.h"
#include "threads.h"

namespace perforated_conv {
namespace {

struct Block {
  const char* name;
  int64_t height, width, in_channels, inner_channels, out_channels;
  int64_t first_kernel, first_stride;  // kernel 0: no first convolution
  int64_t kernel, stride, dilation;    // of the middle
  bool depthwise;
};

// Sizes so odd that no tile, panel, chunk or band is whole, and some of several bands.
constexpr Block kBlocks[] = {
    {"inverted", 9, 11, 20, 75, 13, 1, 1, 3, 1, 1, true},
    {"inverted_dilated", 12, 10, 24, 144, 40, 1, 1, 5, 1, 2, true},
    {"inverted_strided", 13, 14, 16, 96, 24, 1, 1, 3, 2, 1, true},
    {"inverted_wide", 66, 150, 4, 33, 5, 1, 1, 5, 1, 1, true},
    {"inverted_wide_strided", 131, 150, 2, 33, 5, 1, 1, 5, 2, 1, true},
    {"stem", 20, 31, 3, 32, 16, 3, 2, 3, 1, 1, true},
    {"no_first", 9, 10, 37, 37, 16, 0, 1, 3, 1, 1, true},
    {"no_first_strided", 11, 10, 40, 40, 16, 0, 1, 5, 2, 1, true},
    {"deep", 6, 7, 390, 416, 400, 1, 1, 3, 1, 1, true},
    {"residual", 9, 10, 70, 33, 50, 1, 1, 3, 1, 2, false},
    {"residual_strided", 13, 11, 40, 48, 100, 1, 2, 3, 1, 4, false},
    {"residual_deep", 9, 12, 400, 50, 410, 1, 1, 3, 1, 1, false},
};

ConvSpec Conv(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t dilation,
              bool depthwise) {
  ConvSpec spec;
  spec.in_channels = in;
  spec.out_channels = out;
  spec.kernel_h = spec.kernel_w = kernel;
  spec.stride_h = spec.stride_w = stride;
  spec.dilation_h = spec.dilation_w = dilation;
  spec.pad_top = spec.pad_left = spec.pad_bottom = spec.pad_right = dilation * (kernel - 1) / 2;
  spec.depthwise = depthwise;
  return spec;
}

struct Variant {
  double density;  // < 0: no mask
  Fill fill;
  bool residual;
};

class BottleneckTest : public testing::TestWithParam<std::tuple<Isa, Precision, Block>> {
 protected:
  void SetUp() override {
    if (isa() > DetectIsa()) GTEST_SKIP() << "not on this CPU";
    const Block block = std::get<Block>(GetParam());
    if (block.first_kernel > 0) {
      spec.first = Conv(block.in_channels, block.inner_channels, block.first_kernel,
                        block.first_stride, 1, false);
    }
    spec.middle = Conv(block.inner_channels, block.inner_channels, block.kernel, block.stride,
                       block.dilation, block.depthwise);
    spec.last = Conv(block.inner_channels, block.out_channels, 1, 1, 1, false);
    call.images = 2;
    call.height = block.height;
    call.width = block.width;
    MakeInputs(block);
  }

  Isa isa() const { return std::get<Isa>(GetParam()); }

  // A value that bfloat16 has too, so that only maps are rounded.
  static float UpperHalf(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    bits &= 0xffff0000u;
    std::memcpy(&value, &bits, sizeof bits);
    return value;
  }

  // Sums of about unit variance, whatever their length.
  Floats Weights(const ConvSpec& conv) {
    const int64_t depth = conv.MacsPerPixel() / conv.out_channels;
    Floats weights = RandomFloats(conv.out_channels * depth, random);
    for (float& w : weights) w = UpperHalf(w * std::sqrt(9.0f / static_cast<float>(depth)));
    return weights;
  }

  void MakeInputs(const Block& block) {
    if (spec.first) first = Weights(*spec.first);
    middle = Weights(spec.middle);
    last = Weights(spec.last);
    bias = RandomFloats(1000, random);
    x = RandomFloats(call.images * block.height * block.width * block.in_channels, random);
    call.x = x.data();
    call.first_bias = bias.data();
    call.middle_bias = bias.data() + 7;
    call.last_bias = bias.data() + 31;
  }

  int64_t OutPixels() const {
    return call.images * spec.OutHeight(call.height) * spec.OutWidth(call.width);
  }

  // One convolution of the block in plain loops.
  Floats Plain(ConvSpec conv, const BottleneckCall& block, const Floats& input,
               const Floats& weights, const float* conv_bias, int64_t height, int64_t width) const {
    ConvCall plain;
    plain.images = block.images;
    plain.height = height;
    plain.width = width;
    plain.x = input.data();
    plain.bias = conv_bias;
    plain.mask = block.mask;
    plain.residual = block.residual;
    return Reference{conv, plain, weights.data()}.Y();
  }

  Floats Expected() const {
    BottleneckCall masked = call;
    masked.residual = nullptr;
    BottleneckCall dense = masked;
    dense.mask = nullptr;
    Floats a = x;
    int64_t height = call.height, width = call.width;
    const auto inner = [&](ConvSpec conv) {
      conv.activation = spec.inner_activation;
      conv.fill = spec.fill;
      return conv;
    };
    if (spec.first) {
      const bool everywhere = spec.fill == Fill::kZero;
      a = Plain(inner(*spec.first), everywhere ? dense : masked, x, first, call.first_bias, height,
                width);
      height = spec.first->OutHeight(height);
      width = spec.first->OutWidth(width);
    }
    const Floats b = Plain(inner(spec.middle), masked, a, middle, call.middle_bias, height, width);
    ConvSpec end = spec.last;
    end.activation = spec.activation;
    end.fill = spec.fill;
    return Plain(end, call, b, last, call.last_bias, spec.OutHeight(call.height),
                 spec.OutWidth(call.width));
  }

  void Check(const Variant& variant) {
    spec.fill = variant.fill;
    const std::vector<uint8_t> mask =
        RandomMask(OutPixels(), std::max(variant.density, 0.0), random);
    const Floats r = RandomFloats(OutPixels() * spec.last.out_channels, random);
    Floats y(r.size(), std::nanf(""));
    call.mask = variant.density < 0 ? nullptr : mask.data();
    call.residual = variant.residual ? r.data() : nullptr;
    call.y = y.data();
    const Precision precision = std::get<Precision>(GetParam());
    Bottleneck(spec, {first.data(), middle.data(), last.data()}, isa(), precision)
        .Run(call, Threads());

    const Floats expected = Expected();
    // Values of some units. float32: a few hundred roundings by 2^-24. bfloat16: input and inner
    // maps rounded by 2^-9 each; errors of a sum's terms add up like the terms themselves.
    const double tolerance = precision == Precision::kF32 ? 2e-5 : 6e-2;
    for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], expected[i], tolerance) << "at " << i;
  }

  // What only equal sizes allow: a mask for first.
  bool MayInterpolate() const {
    const auto& first_conv = spec.first;
    return first_conv ? first_conv->OutHeight(call.height) == spec.OutHeight(call.height) : true;
  }

  BottleneckSpec spec;
  BottleneckCall call;
  Floats first, middle, last, bias, x;
  std::mt19937 random{1};
};

TEST_P(BottleneckTest, Dense) {
  Check({-1.0, Fill::kZero, false});
  Check({-1.0, Fill::kInterpolate, true});
}

TEST_P(BottleneckTest, EveryDensityAndFill) {
  for (const double density : {0.0, 0.3, 1.0}) {
    for (const Fill fill : {Fill::kZero, Fill::kInterpolate}) {
      if (fill == Fill::kInterpolate && !MayInterpolate()) continue;
      spec.inner_activation = Activation::kRelu;
      spec.activation = Activation::kNone;
      Check({density, fill, false});
      spec.activation = Activation::kRelu6;
      Check({density, fill, true});
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, BottleneckTest, AtEveryLevel(kBlocks), LevelAndName<Block>);

}  // namespace
}  // namespace perforated_conv
