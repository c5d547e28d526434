// AVX-512 (F, VL): 14 pixels x 32 channels in 28 registers, two of weights, one broadcast.
#include <immintrin.h>

#include "kernels/declarations.h"

namespace perforated_conv {
namespace {

#include "kernels/avx512_vec.inc"

using Vec = FloatVec;

#include "kernels/epilogue.inc"
#include "kernels/generic.inc"

}  // namespace

void Gemm_f32_14x32_avx512(const GemmTile<float, float>& tile) { GemmRows<14>(tile); }
void Depthwise_f32_14x32_avx512(const DepthwiseTile<float>& tile) {
  DepthwiseRows<kDepthwiseRows>(tile);
}
void Dot_f32_14x32_avx512(const DotRows& dots) { DotPixels(dots); }
void DepthwiseRun_f32_14x32_avx512(const DepthwiseRun<float>& run) {
  RunRows<kDepthwiseRows>(run, 0);
}
void DepthwiseSites_f32_14x32_avx512(const DepthwiseSites<float>& sites) { SitesChannels(sites); }
void Blend_f32_14x32_avx512(const BlendRow<float>& row) { BlendChannels(row); }

}  // namespace perforated_conv
