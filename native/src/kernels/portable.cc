// Any CPU: four lanes of the compiler's own vector type (SSE2, NEON), 4 pixels x 8 channels.
#include "kernels/declarations.h"

namespace perforated_conv {
namespace {

struct Vec {
  using F = float __attribute__((vector_size(16)));
  using Bits = uint32_t __attribute__((vector_size(16)));
  using Halves = uint16_t __attribute__((vector_size(8)));
  // Neighbouring k of four columns.
  struct Pairs {
    F even, odd;
  };
  static constexpr int kLanes = 4;
  static constexpr int kDepthwiseCols = 2;
  static constexpr int kSitesCols = 1;  // vectors whose weights of 9 taps fit the registers

  template <typename V>
  static V Read(const void* p) {
    V v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  static F Load(const float* p) { return Read<F>(p); }
  static F Load(const bf16* p) { return F(__builtin_convertvector(Read<Halves>(p), Bits) << 16); }
  template <typename T>
  static F LoadPart(const T* p, int64_t n) {
    T part[kLanes] = {};
    for (int64_t i = 0; i < n; ++i) part[i] = p[i];
    return Load(part);
  }
  static void Store(float* p, F v) { __builtin_memcpy(p, &v, sizeof v); }
  static void Store(bf16* p, F v) {
    const Halves rounded = __builtin_convertvector(Round(v), Halves);
    __builtin_memcpy(p, &rounded, sizeof rounded);
  }
  template <typename T>
  static void StorePart(T* p, F v, int64_t n) {
    T part[kLanes];
    Store(part, v);
    for (int64_t i = 0; i < n; ++i) p[i] = part[i];
  }
  template <typename Y, int kCols>
  static void StoreAll(Y* p, const F (&v)[kCols]) {
    for (int j = 0; j < kCols; ++j) Store(p + j * kLanes, v[j]);
  }
  // To nearest, ties to even. The sum may not carry a NaN into infinity: its upper half, quiet.
  static Bits Round(F v) {
    const Bits bits = Bits(v);
    const Bits nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return v == v ? nearest : (bits >> 16 | 0x40);
  }
  static Pairs Split(Bits pairs) { return {F(pairs << 16), F(pairs & 0xffff0000)}; }

  static F Weights(const float* p) { return Load(p); }
  static Pairs Weights(const bf16* p) { return Split(Read<Bits>(p)); }
  static F Broadcast(const float* p) { return Set(*p); }
  static Pairs Broadcast(const bf16* p) {
    const uint32_t pair = Read<uint32_t>(p);
    return Split(Bits{pair, pair, pair, pair});
  }
  static F Set(float v) { return F{v, v, v, v}; }
  static F Add(F a, F b) { return a + b; }
  static F Mul(F a, F b) { return a * b; }
  static F MulAdd(F a, F b, F c) { return a * b + c; }
  static F MulAdd(Pairs a, Pairs b, F c) { return a.odd * b.odd + (a.even * b.even + c); }
  // A comparison with NaN is false, so NaN stays.
  static F Clamp(F v, float low, float high) {
    const F raised = v < Set(low) ? Set(low) : v;
    return raised > Set(high) ? Set(high) : raised;
  }
};

#include "kernels/epilogue.inc"
#include "kernels/generic.inc"

}  // namespace

void Gemm_f32_4x8_portable(const GemmTile<float, float>& tile) { GemmRows<4>(tile); }
void DepthwiseSites_f32_4x8_portable(const DepthwiseSites<float>& sites) { SitesChannels(sites); }
void Blend_f32_4x8_portable(const BlendRow<float>& row) { BlendChannels(row); }
void Depthwise_f32_4x8_portable(const DepthwiseTile<float>& tile) {
  DepthwiseRows<kDepthwiseRows>(tile);
}
void Dot_f32_4x8_portable(const DotRows& dots) { DotPixels(dots); }
void DepthwiseRun_f32_4x8_portable(const DepthwiseRun<float>& run) {
  RunRows<kDepthwiseRows>(run, 0);
}

void Gemm_bf16_4x8_portable(const GemmTile<bf16, bf16>& tile) { GemmRows<4>(tile); }
void GemmToFloat_bf16_4x8_portable(const GemmTile<bf16, float>& tile) { GemmRows<4>(tile); }
void DepthwiseSites_bf16_portable(const DepthwiseSites<bf16>& sites) { SitesChannels(sites); }
void Blend_bf16_portable(const BlendRow<bf16>& row) { BlendChannels(row); }
void Narrow_bf16_portable(const float* from, bf16* to, int64_t n) { NarrowRow(from, to, n); }

}  // namespace perforated_conv
