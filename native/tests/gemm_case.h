// A gemm kernel against plain loops.
#pragma once

#include "kernel_fixture.h"
#include "pack.h"

namespace perforated_conv {

// Real values of the depth's last block; the rest of it rounds up to whole steps.
constexpr int64_t kDeep = 37;

template <typename T>
Floats ToFloats(const std::vector<T>& values) {
  return Floats(values.begin(), values.end());
}
inline Floats ToFloats(const std::vector<bf16>& values) {
  Floats floats;
  for (const bf16 v : values) floats.push_back(ToFloat(v));
  return floats;
}

// One tile over two blocks of the depth, the same A under both: sums go through `partial`.
template <typename T>
class GemmCase {
 public:
  GemmCase(const Kernel<T>& kernel, int rows, int width, std::mt19937& random)
      : kernel_(kernel),
        rows_(rows),
        width_(width),
        block_((kDeep + kernel.depth_step - 1) / kernel.depth_step * kernel.depth_step),
        weights_(ToFloats(RandomValues<T>(width * (block_ + kDeep), random))),
        panels_(weights_.data(), width, block_ + kDeep, kernel),
        // Not a value more than a kernel may read, for the sanitizers.
        a_(RandomValues<T>((rows - 1) * kRowStride<T> + block_, random)),
        bias_(RandomFloats(width, random)),
        partial_(static_cast<size_t>(rows * width)) {
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < width; ++j) sums_.push_back(Sum(i, j));
    }
  }

  // Stores `channels` columns in every way.
  template <typename Y>
  void Check(int64_t channels, std::mt19937& random) {
    const OutputRows<Y> rows(rows_, channels, random);
    for (const Epilogue<Y>& out : {rows.Plain(), rows.Full()}) {
      Run(out, channels);
      for (int64_t i = 0; i < rows_; ++i) {
        for (int64_t j = 0; j < channels; ++j) {
          rows.ExpectRow(out, i, j, sums_[static_cast<size_t>(i * width_ + j)]);
        }
        rows.ExpectNothingBeyond(i);
      }
    }
  }

 private:
  double Sum(int64_t i, int64_t j) const {
    double sum = bias_[static_cast<size_t>(j)];
    for (int64_t k = 0; k < block_ + kDeep; ++k) {
      sum += Value(a_[static_cast<size_t>(i * kRowStride<T> + k % block_)]) *
             weights_[static_cast<size_t>(j * (block_ + kDeep) + k)];
    }
    return sum;
  }

  template <typename Y>
  void Run(const Epilogue<Y>& out, int64_t channels) {
    GemmTile<T, Y> tile{
        rows_, width_, block_, a_.data(), kRowStride<T>, nullptr, bias_.data(), partial_.data(),
        true,  false,  0,      0,         channels,      &out};
    for (const int64_t first : {int64_t{0}, block_}) {
      tile.b = panels_.Row(0, first);
      tile.first = first == 0;
      tile.last = first != 0;
      Call(tile);
    }
  }
  void Call(const GemmTile<T, T>& tile) const { kernel_.gemm(tile); }
  template <typename Y>
  void Call(const GemmTile<T, Y>& tile) const {
    kernel_.gemm_to_float(tile);
  }

  const Kernel<T>& kernel_;
  const int rows_, width_;
  const int64_t block_;
  const Floats weights_;
  const PackedPanels<T> panels_;
  const std::vector<T> a_;
  const Floats bias_;
  Floats partial_;
  std::vector<double> sums_;
};

template <typename T>
void CheckGemms(const Kernel<T>& kernel, std::mt19937& random) {
  for (int rows = 1; rows <= kernel.tile_rows; ++rows) {
    for (const int width : {kernel.panel_width / 2, kernel.panel_width}) {
      GemmCase<T> gemm(kernel, rows, width, random);
      for (int64_t channels = 1; channels <= width; ++channels) {
        gemm.template Check<T>(channels, random);
        gemm.template Check<float>(channels, random);
        if (testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

template <typename T>
void CheckGemmKeepsNan(const Kernel<T>& kernel, std::mt19937& random) {
  const std::vector<T> a = RandomValues<T>(kDepthBlock, random);
  const std::vector<T> b(static_cast<size_t>(kernel.depth_step * kernel.panel_width));
  Floats bias(static_cast<size_t>(kernel.panel_width), -1.0f);
  bias[1] = std::nanf("");
  const OutputRows<T> rows(1, kernel.panel_width, random);
  Epilogue<T> out = rows.Plain();
  out.low = 0.0f;
  kernel.gemm({1, kernel.panel_width, kernel.depth_step, a.data(), 0, b.data(), bias.data(),
               nullptr, true, true, 0, 0, kernel.panel_width, &out});
  EXPECT_EQ(Value(rows.y[0]), 0.0);
  EXPECT_TRUE(std::isnan(Value(rows.y[1])));
}

}  // namespace perforated_conv
