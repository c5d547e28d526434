// AVX-512 (F, VL): 14 pixels x 32 channels in 28 registers, two of weights, one broadcast.
#include <immintrin.h>

#include "kernels/kernel.h"

namespace perforated_conv {
namespace {

struct Vec {
  using F = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kDepthwiseCols = 4;

  static __mmask16 First(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
  static F Load(const float* p) { return _mm512_loadu_ps(p); }
  static F LoadPart(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(First(n), p); }
  static void Store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static void StorePart(float* p, F v, int64_t n) { _mm512_mask_storeu_ps(p, First(n), v); }
  static F Broadcast(const float* p) { return _mm512_set1_ps(*p); }
  static F Set(float v) { return _mm512_set1_ps(v); }
  static F Add(F a, F b) { return _mm512_add_ps(a, b); }
  static F Mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F MulAdd(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  // max and min return their second operand if one is NaN.
  static F Clamp(F v, float low, float high) {
    return _mm512_min_ps(Set(high), _mm512_max_ps(Set(low), v));
  }
};

#include "kernels/generic.inc"

}  // namespace

void Gemm_f32_14x32_avx512(const GemmTile<float, float>& tile) { GemmRows<14>(tile); }
void Depthwise_f32_14x32_avx512(const DepthwiseTile<float>& tile) {
  DepthwiseRows<kDepthwiseRows>(tile);
}
void DepthwiseRun_f32_14x32_avx512(const DepthwiseRun<float>& run) {
  RunRows<kDepthwiseRows>(run, 0);
}
void DepthwiseSites_f32_14x32_avx512(const DepthwiseSites<float>& sites) {
  SitesRows<kDepthwiseRows>(sites);
}
void Blend_f32_14x32_avx512(const BlendRow<float>& row) { BlendChannels(row); }

}  // namespace perforated_conv
