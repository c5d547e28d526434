// AVX-512 with BF16: 14 pixels x 32 channels in 28 registers, two of weights, one broadcast pair.
#include <immintrin.h>

#include "kernels/declarations.h"

namespace perforated_conv {
namespace {

#include "kernels/avx512_bf16_vec.inc"
#include "kernels/epilogue.inc"
#include "kernels/generic.inc"

}  // namespace

void Gemm_bf16_14x32_avx512(const GemmTile<bf16, bf16>& tile) { GemmRows<14>(tile); }
void GemmToFloat_bf16_14x32_avx512(const GemmTile<bf16, float>& tile) { GemmRows<14>(tile); }
void Narrow_bf16_avx512(const float* from, bf16* to, int64_t n) { NarrowRow(from, to, n); }

}  // namespace perforated_conv
