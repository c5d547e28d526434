// AMX with BF16: 32 pixels x 32 channels in four tiles of sums, 32 values of depth at once.
#include <immintrin.h>

#include "kernels/declarations.h"

namespace perforated_conv {
namespace {

#include "kernels/avx512_bf16_vec.inc"
#include "kernels/epilogue.inc"

// As LDTILECFG reads it. All tiles have one shape, so that one configuration serves every product.
struct TileShapes {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64, "the instruction reads 64 bytes");

alignas(64) constexpr TileShapes kShapes;

// Instructions by name: the compiler's intrinsics take no template's number for a tile.
struct Tiles {
  template <int kTile>
  static void Load(const void* from, int64_t step) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2"
                     :
                     : "r"(from), "r"(step), "i"(kTile)
                     : "memory");
  }
  template <int kTile>
  static void Store(void* to, int64_t step) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)"
                     :
                     : "r"(to), "r"(step), "i"(kTile)
                     : "memory");
  }
  template <int kSums, int kA, int kB>
  static void Multiply() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
  }
};

#include "kernels/tile_gemm.inc"

constexpr int kVectorRows = 14;

}  // namespace

void EnterTiles() { __asm__ volatile("ldtilecfg %0" : : "m"(kShapes)); }
void LeaveTiles() { __asm__ volatile("tilerelease"); }

void Gemm_bf16_32x32_amx(const GemmTile<bf16, bf16>& tile) {
  if (tile.rows < kTile) return FewRows<kVectorRows>(tile, Gemm_bf16_14x32_avx512);
  TileGemm(tile);
}
void GemmToFloat_bf16_32x32_amx(const GemmTile<bf16, float>& tile) {
  if (tile.rows < kTile) return FewRows<kVectorRows>(tile, GemmToFloat_bf16_14x32_avx512);
  TileGemm(tile);
}

}  // namespace perforated_conv
