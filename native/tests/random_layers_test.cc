// Convolutions of random geometry against plain loops, in memory that ends at forbidden pages.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "guarded.h"
#include "subjects.h"

namespace perforated_conv {
namespace {

// Layers of each level; a failure names its seed.
constexpr unsigned kSeeds = 400;

class RandomLayer {
 public:
  explicit RandomLayer(unsigned seed) : random_(seed), edge_(Flip() ? Edge::kStart : Edge::kEnd) {
    MakeSpec();
    call.images = Between(1, 3);
    call.height = Size(spec.kernel_h, spec.dilation_h, spec.pad_top + spec.pad_bottom);
    call.width = Size(spec.kernel_w, spec.dilation_w, spec.pad_left + spec.pad_right);
    weights = RandomFloats(spec.MacsPerPixel(), random_);
    call.x = Keep(RandomFloats(call.images * call.height * call.width * spec.in_channels, random_));
    if (Flip()) call.bias = Keep(RandomFloats(spec.out_channels, random_));
    if (Flip()) call.residual = Keep(RandomFloats(Outputs(), random_));
    if (Between(0, 4) > 0) MakeMask();
    call.y = Keep(Floats(static_cast<size_t>(Outputs()), std::nanf("")));
  }

  int64_t Outputs() const { return Pixels() * spec.out_channels; }

  ConvSpec spec;
  ConvCall call;
  Floats weights;

 private:
  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  bool Flip() { return Between(0, 1) == 1; }

  int64_t Pixels() const {
    return call.images * spec.OutHeight(call.height) * spec.OutWidth(call.width);
  }

  void MakeSpec() {
    spec.kernel_h = Between(1, 5);
    spec.kernel_w = Flip() ? spec.kernel_h : Between(1, 5);
    spec.stride_h = Between(1, 3);
    spec.stride_w = Flip() ? spec.stride_h : Between(1, 3);
    spec.dilation_h = Between(1, 3);
    spec.dilation_w = Flip() ? spec.dilation_h : Between(1, 3);
    for (int64_t* pad : {&spec.pad_top, &spec.pad_left, &spec.pad_bottom, &spec.pad_right}) {
      *pad = Between(0, 4);
    }
    spec.depthwise = Flip();
    spec.in_channels = Flip() ? Between(1, 9) : Between(10, 150);
    spec.out_channels = spec.depthwise ? spec.in_channels : Between(1, 90);
    spec.activation = static_cast<Activation>(Between(0, 2));
    spec.fill = Flip() ? Fill::kZero : Fill::kInterpolate;
  }

  // The smallest size that gives an output, or a few more.
  int64_t Size(int64_t kernel, int64_t dilation, int64_t pads) {
    return std::max<int64_t>(1, dilation * (kernel - 1) + 1 - pads) + Between(0, 9);
  }

  // Dense, empty, scattered, in runs, or a single pixel.
  void MakeMask() {
    constexpr double kDensities[] = {0.0, 0.1, 0.5, 0.9, 1.0};
    std::vector<uint8_t> mask = RandomMask(Pixels(), kDensities[Between(0, 4)], random_);
    if (Flip()) {
      const int64_t run = Between(2, 20);
      for (size_t i = 0; i < mask.size(); ++i) mask[i] = mask[i - i % static_cast<size_t>(run)];
    }
    if (Between(0, 9) == 0) {
      std::fill(mask.begin(), mask.end(), uint8_t{0});
      mask[static_cast<size_t>(Between(0, Pixels() - 1))] = 1;
    }
    mask_.emplace(mask, edge_);
    call.mask = mask_->data();
  }

  float* Keep(const Floats& values) {
    floats_.push_back(std::make_unique<Guarded<float>>(values, edge_));
    return floats_.back()->data();
  }

  std::mt19937 random_;
  Edge edge_;
  std::vector<std::unique_ptr<Guarded<float>>> floats_;
  std::optional<Guarded<uint8_t>> mask_;
};

Floats Absolute(const float* values, size_t count) {
  Floats result(values, values + count);
  for (float& value : result) value = std::fabs(value);
  return result;
}

// How far rounding may take each value of Y. float32: each addition rounds by half a unit of a
// partial sum, at most about 2 sqrt(terms). bf16 has 8 significant bits: a product of two rounded
// numbers is off by up to 2^-7 of its size.
Floats Tolerance(const RandomLayer& layer, Precision precision) {
  const double terms = static_cast<double>(layer.spec.MacsPerPixel() / layer.spec.out_channels);
  const auto own = static_cast<float>(2e-7 * (terms + 10.0));
  Floats tolerance(static_cast<size_t>(layer.Outputs()), own);
  if (precision == Precision::kF32) return tolerance;
  const ConvCall& call = layer.call;
  const Floats weights = Absolute(layer.weights.data(), layer.weights.size());
  const Floats x = Absolute(
      call.x, static_cast<size_t>(call.images * call.height * call.width * layer.spec.in_channels));
  ConvSpec spec = layer.spec;
  spec.activation = Activation::kNone;
  ConvCall sizes = call;
  sizes.x = x.data();
  sizes.bias = sizes.residual = nullptr;
  const Floats sums = Reference{spec, sizes, weights.data()}.Y();
  for (size_t i = 0; i < sums.size(); ++i) tolerance[i] += 0x1.02p-7f * sums[i];
  return tolerance;
}

class RandomLayersTest : public testing::TestWithParam<Level> {};

TEST_P(RandomLayersTest, AgreeWithPlainLoops) {
  const auto [isa, precision] = GetParam();
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    const RandomLayer layer(seed);
    Convolution(layer.spec, layer.weights.data(), isa, precision).Run(layer.call, SerialExecutor());
    const Floats expected = Reference{layer.spec, layer.call, layer.weights.data()}.Y();
    const Floats tolerance = Tolerance(layer, precision);
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(layer.call.y[i], expected[i], tolerance[i]) << "at " << i << " of seed " << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, RandomLayersTest, testing::ValuesIn(LevelsHere()),
                         [](const auto& info) { return LevelName(info.param); });

}  // namespace
}  // namespace perforated_conv
