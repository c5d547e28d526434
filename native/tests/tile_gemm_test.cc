// The product in tiles as AMX computes it, on a tile machine of plain loops: what of it is not an
// instruction is tested on any CPU.
#include "gemm_case.h"

namespace perforated_conv {
namespace {

// One float at a time.
struct Vec {
  using F = float;
  static constexpr int kLanes = 1;
  static F Load(const float* p) { return *p; }
  static F LoadPart(const float* p, int64_t) { return *p; }
  static void Store(float* p, F v) { *p = v; }
  static void Store(bf16* p, F v) { *p = ToBf16(v); }
  template <typename Y>
  static void StorePart(Y* p, F v, int64_t) {
    Store(p, v);
  }
  template <typename Y, int kCount>
  static void StoreAll(Y* p, const F (&v)[kCount]) {
    for (int j = 0; j < kCount; ++j) Store(p + j, v[j]);
  }
  static F Add(F a, F b) { return a + b; }
  static F Clamp(F v, float low, float high) {
    if (v < low) return low;
    return v > high ? high : v;
  }
};

#include "kernels/epilogue.inc"

struct Tile {
  unsigned char bytes[16][64];
};
Tile tiles[8];

template <typename T>
T At(int tile, int64_t row, int64_t column) {
  T value;
  std::memcpy(&value, tiles[tile].bytes[row] + column * sizeof(T), sizeof value);
  return value;
}

float Product(int a, int b, int64_t i, int64_t j) {
  float sum = 0.0f;
  for (int64_t k = 0; k < 32; ++k) {
    sum += ToFloat(At<bf16>(a, i, k)) * ToFloat(At<bf16>(b, k / 2, j * 2 + k % 2));
  }
  return sum;
}

struct Tiles {
  template <int kTile>
  static void Load(const void* from, int64_t step) {
    for (int64_t i = 0; i < 16; ++i) {
      std::memcpy(tiles[kTile].bytes[i], static_cast<const char*>(from) + i * step, 64);
    }
  }
  template <int kTile>
  static void Store(void* to, int64_t step) {
    for (int64_t i = 0; i < 16; ++i) {
      std::memcpy(static_cast<char*>(to) + i * step, tiles[kTile].bytes[i], 64);
    }
  }
  template <int kSums, int kA, int kB>
  static void Multiply() {
    for (int64_t i = 0; i < 16; ++i) {
      for (int64_t j = 0; j < 16; ++j) {
        const float sum = At<float>(kSums, i, j) + Product(kA, kB, i, j);
        std::memcpy(tiles[kSums].bytes[i] + j * sizeof sum, &sum, sizeof sum);
      }
    }
  }
};

#include "kernels/tile_gemm.inc"

constexpr int kMostRows = 14;

float PlainSum(const bf16* a, const bf16* b, int64_t depth, int64_t width) {
  float sum = 0.0f;
  for (int64_t k = 0; k < depth; ++k) {
    sum += ToFloat(a[k]) * ToFloat(b[k / 2 * width * 2 + k % 2]);
  }
  return sum;
}

// In place of the vector kernel.
template <typename Y>
void PlainGemm(const GemmTile<bf16, Y>& t) {
  ASSERT_LE(t.rows, kMostRows);
  for (int64_t i = 0; i < t.rows; ++i) {
    for (int64_t j = 0; j < t.channels; ++j) {
      float& partial = t.partial[i * t.width + j];
      float sum[] = {t.first ? t.bias[j] : partial};
      sum[0] += PlainSum(t.a + i * t.a_step, t.b + 2 * j, t.depth, t.width);
      if (!t.last) {
        partial = sum[0];
      } else if (t.out->r == nullptr) {
        FinishRow<false, false>(*t.out, t.row + i, t.column + j, 1, sum);
      } else {
        FinishRow<false, true>(*t.out, t.row + i, t.column + j, 1, sum);
      }
    }
  }
}

template <typename Y>
void Gemm(const GemmTile<bf16, Y>& t) {
  if (t.rows < kTile) return FewRows<kMostRows>(t, PlainGemm<Y>);
  TileGemm(t);
}

TEST(TileGemmTest, EveryTileSizePanelWidthAndChannelCount) {
  Kernel<bf16> kernel{};
  kernel.tile_rows = kernel.panel_width = kernel.depth_step = 32;
  kernel.gemm = Gemm<bf16>;
  kernel.gemm_to_float = Gemm<float>;
  std::mt19937 random{1};
  CheckGemms(kernel, random);
}

}  // namespace
}  // namespace perforated_conv
