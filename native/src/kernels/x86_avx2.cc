// AVX2 with FMA: 6 pixels x 16 channels in 12 registers, two of weights, one broadcast.
#include <immintrin.h>

#include "kernels/declarations.h"

namespace perforated_conv {
namespace {

// A window of 8 starting at kLaneMask + 8 - n has its first n lanes on.
alignas(64) constexpr int kLaneMask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

struct Vec {
  using F = __m256;
  static constexpr int kLanes = 8;
  static constexpr int kDepthwiseCols = 2;
  static constexpr int kSitesCols = 1;  // vectors whose weights of 9 taps fit the registers

  static __m256i First(int64_t n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLaneMask + 8 - n));
  }
  static F Load(const float* p) { return _mm256_loadu_ps(p); }
  static F LoadPart(const float* p, int64_t n) { return _mm256_maskload_ps(p, First(n)); }
  static void Store(float* p, F v) { _mm256_storeu_ps(p, v); }
  static void StorePart(float* p, F v, int64_t n) { _mm256_maskstore_ps(p, First(n), v); }
  template <typename Y, int kCols>
  static void StoreAll(Y* p, const F (&v)[kCols]) {
    for (int j = 0; j < kCols; ++j) Store(p + j * kLanes, v[j]);
  }
  static F Weights(const float* p) { return Load(p); }
  static F Broadcast(const float* p) { return _mm256_broadcast_ss(p); }
  static F Set(float v) { return _mm256_set1_ps(v); }
  static F Add(F a, F b) { return _mm256_add_ps(a, b); }
  static F Mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F MulAdd(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  // max and min return their second operand if one is NaN.
  static F Clamp(F v, float low, float high) {
    return _mm256_min_ps(Set(high), _mm256_max_ps(Set(low), v));
  }
};

#include "kernels/epilogue.inc"
#include "kernels/generic.inc"

}  // namespace

void Gemm_f32_6x16_avx2(const GemmTile<float, float>& tile) { GemmRows<6>(tile); }
void Depthwise_f32_6x16_avx2(const DepthwiseTile<float>& tile) {
  DepthwiseRows<kDepthwiseRows>(tile);
}
void Dot_f32_6x16_avx2(const DotRows& dots) { DotPixels(dots); }
void DepthwiseRun_f32_6x16_avx2(const DepthwiseRun<float>& run) { RunRows<kDepthwiseRows>(run, 0); }
void DepthwiseSites_f32_6x16_avx2(const DepthwiseSites<float>& sites) { SitesChannels(sites); }
void Blend_f32_6x16_avx2(const BlendRow<float>& row) { BlendChannels(row); }

}  // namespace perforated_conv
