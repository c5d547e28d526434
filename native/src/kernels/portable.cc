// Any CPU: four lanes of the compiler's own vector type (SSE2, NEON), 4 pixels x 8 channels.
#include "kernels/kernel.h"

namespace perforated_conv {
namespace {

struct Vec {
  using F = float __attribute__((vector_size(16)));
  static constexpr int kLanes = 4;
  static constexpr int kDepthwiseCols = 2;

  static F Load(const float* p) {
    F v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  static F LoadPart(const float* p, int64_t n) {
    F v = {0.0f, 0.0f, 0.0f, 0.0f};
    for (int64_t i = 0; i < n; ++i) v[i] = p[i];
    return v;
  }
  static void Store(float* p, F v) { __builtin_memcpy(p, &v, sizeof v); }
  static void StorePart(float* p, F v, int64_t n) {
    for (int64_t i = 0; i < n; ++i) p[i] = v[i];
  }
  static F Broadcast(const float* p) { return Set(*p); }
  static F Set(float v) { return F{v, v, v, v}; }
  static F Add(F a, F b) { return a + b; }
  static F Mul(F a, F b) { return a * b; }
  static F MulAdd(F a, F b, F c) { return a * b + c; }
  // A comparison with NaN is false, so NaN stays.
  static F Clamp(F v, float low, float high) {
    const F raised = v < Set(low) ? Set(low) : v;
    return raised > Set(high) ? Set(high) : raised;
  }
};

#include "kernels/generic.inc"

}  // namespace

void Gemm_f32_4x8_portable(const GemmTile<float, float>& tile) { GemmRows<4>(tile); }
void Depthwise_f32_4x8_portable(const DepthwiseTile<float>& tile) {
  DepthwiseRows<kDepthwiseRows>(tile);
}
void DepthwiseRun_f32_4x8_portable(const DepthwiseRun<float>& run) {
  RunRows<kDepthwiseRows>(run, 0);
}
void DepthwiseSites_f32_4x8_portable(const DepthwiseSites<float>& sites) {
  SitesRows<kDepthwiseRows>(sites);
}
void Blend_f32_4x8_portable(const BlendRow<float>& row) { BlendChannels(row); }

}  // namespace perforated_conv
