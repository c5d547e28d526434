#include "subjects.h"

#include <cmath>
#include <memory>

#include "perforated_conv/bottleneck.h"

namespace perforated_conv {
namespace {

// Size of an operator's input.
struct Map {
  int64_t images, height, width;
};

ConvSpec Conv(int64_t in, int64_t out, int64_t kernel, int64_t dilation = 1) {
  ConvSpec spec;
  spec.in_channels = in;
  spec.out_channels = out;
  spec.kernel_h = spec.kernel_w = kernel;
  spec.dilation_h = spec.dilation_w = dilation;
  spec.pad_top = spec.pad_left = spec.pad_bottom = spec.pad_right = dilation * (kernel - 1) / 2;
  return spec;
}

ConvSpec Depthwise(int64_t channels, int64_t kernel, int64_t dilation = 1) {
  ConvSpec spec = Conv(channels, channels, kernel, dilation);
  spec.depthwise = true;
  return spec;
}

ConvSpec Interpolating(ConvSpec spec) {
  spec.fill = Fill::kInterpolate;
  spec.activation = Activation::kRelu6;
  return spec;
}

Floats RandomWeights(const ConvSpec& spec) {
  std::mt19937 random{1};
  return RandomFloats(spec.MacsPerPixel(), random);
}

std::shared_ptr<const Floats> RandomBias(const ConvSpec& spec) {
  std::mt19937 random{2};
  return std::make_shared<const Floats>(RandomFloats(spec.out_channels, random));
}

// A call on a map, all but its biases.
template <typename Call>
Call CallOn(const Map& map, const Memory& memory) {
  Call call;
  call.images = map.images;
  call.height = map.height;
  call.width = map.width;
  call.x = memory.x;
  call.mask = memory.mask;
  call.residual = memory.residual;
  call.y = memory.y;
  return call;
}

Subject ConvSubject(const std::string& name, const ConvSpec& spec, const Map& map,
                    const Level& level) {
  const Floats weights = RandomWeights(spec);
  const auto bias = RandomBias(spec);
  const auto convolution =
      std::make_shared<const Convolution>(spec, weights.data(), level.isa, level.precision);
  const int64_t pixels = map.images * spec.OutHeight(map.height) * spec.OutWidth(map.width);
  const auto run = [=](const Memory& memory, const Executor& executor) {
    ConvCall call = CallOn<ConvCall>(map, memory);
    call.bias = bias->data();
    convolution->Run(call, executor);
  };
  return {name, map.images * map.height * map.width * spec.in_channels, pixels,
          pixels * spec.out_channels, run};
}

Subject BottleneckSubject(const std::string& name, const BottleneckSpec& spec, const Map& map,
                          const Level& level) {
  const Floats first = RandomWeights(*spec.first);
  const Floats middle = RandomWeights(spec.middle);
  const Floats last = RandomWeights(spec.last);
  const BottleneckWeights weights = {first.data(), middle.data(), last.data()};
  const auto bias = RandomBias(spec.last);
  const auto block = std::make_shared<const Bottleneck>(spec, weights, level.isa, level.precision);
  const int64_t pixels = map.images * spec.OutHeight(map.height) * spec.OutWidth(map.width);
  const auto run = [=](const Memory& memory, const Executor& executor) {
    BottleneckCall call = CallOn<BottleneckCall>(map, memory);
    call.last_bias = bias->data();
    block->Run(call, executor);
  };
  return {name, map.images * map.height * map.width * spec.first->in_channels, pixels,
          pixels * spec.last.out_channels, run};
}

BottleneckSpec Block(const ConvSpec& first, const ConvSpec& middle, const ConvSpec& last,
                     Fill fill) {
  BottleneckSpec spec;
  spec.first = first;
  spec.middle = middle;
  spec.last = last;
  spec.inner_activation = Activation::kRelu;
  spec.activation = Activation::kRelu;
  spec.fill = fill;
  return spec;
}

}  // namespace

std::vector<Level> LevelsHere() {
  std::vector<Level> levels;
  for (const Isa isa : kEveryIsa) {
    if (isa > DetectIsa()) continue;
    levels.push_back({isa, Precision::kF32});
    levels.push_back({isa, Precision::kBf16});
  }
  return levels;
}

std::vector<Subject> MapSubjects(const Level& level) {
  const BottleneckSpec inverted =
      Block(Conv(20, 75, 1), Depthwise(75, 5), Conv(75, 21, 1), Fill::kInterpolate);
  const BottleneckSpec residual =
      Block(Conv(50, 33, 1), Conv(33, 33, 3, 2), Conv(33, 50, 1), Fill::kZero);
  const BottleneckSpec stem =
      Block(Conv(3, 33, 3), Depthwise(33, 3), Conv(33, 9, 1), Fill::kInterpolate);
  return {
      ConvSubject("pointwise", Conv(40, 70, 1), {1, 33, 31}, level),
      ConvSubject("dilated", Interpolating(Conv(33, 50, 3, 2)), {2, 21, 19}, level),
      ConvSubject("deep", Conv(130, 65, 3), {1, 19, 17}, level),
      ConvSubject("depthwise", Interpolating(Depthwise(150, 5)), {2, 23, 25}, level),
      ConvSubject("depthwise_runs", Depthwise(37, 3), {1, 40, 41}, level),
      BottleneckSubject("inverted_bottleneck", inverted, {2, 25, 27}, level),
      BottleneckSubject("stem", stem, {1, 39, 41}, level),
      BottleneckSubject("residual_bottleneck", residual, {2, 23, 21}, level),
  };
}

std::vector<Subject> Subjects(const Level& level) {
  std::vector<Subject> subjects = MapSubjects(level);
  for (const Subject& subject : ByteSubjects(level)) subjects.push_back(subject);
  return subjects;
}

Inputs RandomInputs(const Subject& subject, double density, unsigned seed) {
  std::mt19937 random{seed};
  return {RandomFloats(subject.x_floats, random), RandomFloats(subject.y_floats, random),
          RandomMask(subject.mask_bytes, density, random)};
}

Floats Compute(const Subject& subject, const Inputs& inputs, const Executor& executor) {
  Floats y(inputs.residual.size(), std::nanf(""));
  subject.run({inputs.x.data(), inputs.mask.data(), inputs.residual.data(), y.data()}, executor);
  return y;
}

}  // namespace perforated_conv
