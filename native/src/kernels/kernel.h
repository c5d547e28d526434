// What a kernel computes, and what its caller must guarantee. Kernels cannot fail.
//
// No inline function may stand here: this header is compiled with every file's own ISA flags, and
// the linker would keep one copy for all.
#pragma once

#include <cstdint>

#include "perforated_conv/cpu_features.h"

namespace perforated_conv {

// The gathered rows of a tile lie kRowStride floats apart. An odd number of cache lines keeps rows
// in different sets.
constexpr int64_t kDepthBlock = 384;
constexpr int64_t kRowStride = kDepthBlock + 16;

// Pixels a depthwise kernel takes at once.
constexpr int kDepthwiseRows = 4;

// The upper half of a float: sign, 8 bits of exponent, 7 of mantissa.
struct bf16 {
  uint16_t bits;
};

// Where rows (pixels) go; one for all tiles of a block. y[i][c] = clamp(v[i][c] + r[i][c], low,
// high), NaN kept; and raw[i][c] = v[i][c] where raw[i] is not null.
template <typename Y>
struct Epilogue {
  Y* const* y;
  const float* const* r;  // null: 0
  Y* const* raw;          // null: none
  float low, high;
};

// v[i][j] = bias[j] + sum over k of a[i * a_step + k] * B[k][j], summed in float
// i < rows <= tile_rows; k < depth <= kDepthBlock, a multiple of depth_step; j < width.
// B[k][j] is b[k * width + j] if T is float and b[(k / 2 * width + j) * 2 + k % 2] if it is bf16.
// A sum over more than kDepthBlock is done in several calls that keep v in `partial`.
template <typename T, typename Y>
struct GemmTile {
  int rows;
  int width;  // panel_width, or half of it
  int64_t depth;
  const T* a;
  int64_t a_step;
  const T* b;
  const float* bias;  // [width]
  float* partial;     // [rows][width]
  bool first;         // start from bias, else from partial
  bool last;          // finish to `out`, else to partial
  int64_t column;     // offset of j = 0 in the rows of `out`
  int64_t row;        // of `out` for i = 0
  int64_t channels;   // columns to store, <= width
  const Epilogue<Y>* out;
};

// v[i][c] = bias[c] + sum over t of x[t * kDepthwiseRows + i][c] * w[t * stride + c]
// i < rows <= kDepthwiseRows; begin <= c < end. Row i goes to row + i of `out`.
template <typename T>
struct DepthwiseTile {
  int rows;
  int64_t taps, stride, begin, end, row;
  const T* const* x;
  const float* w;
  const float* bias;
  const Epilogue<T>* out;
};

// The same for pixels side by side whose taps are all inside the map:
// v[i][c] = bias[c] + sum over ky, kx of
//   x[ky * row_step + kx * tap_step + i * pixel_step + c] * w[(ky * kernel_w + kx) * w_step + c]
// i < pixels; begin <= c < end. Row i of y and r starts at i * y_step.
template <typename T>
struct DepthwiseRun {
  int64_t pixels, begin, end;
  int64_t kernel_h, kernel_w, row_step, tap_step, pixel_step, w_step, y_step;
  const T* x;
  const float* w;
  const float* bias;
  const float* r;  // null: 0
  float low, high;
  T* y;
};

// The same for any pixels of a map padded so that no tap is outside it:
// y[i][c] = clamp(bias[c] + sum over t of x[i][offsets[t] + c] * w[t * w_step + c], low, high)
// i < rows <= kDepthwiseRows; c < channels.
template <typename T>
struct DepthwiseSites {
  int rows;
  int64_t taps, channels, w_step;
  const int64_t* offsets;
  const T* const* x;
  const float* w;
  const float* bias;
  float low, high;
  T* const* y;
};

// y[c] = clamp(0.25 * ((v0[c] + v1[c]) + (v2[c] + v3[c])) + r[c], low, high)
template <typename T>
struct BlendRow {
  int64_t channels;
  const T* v[4];   // v[0] null: all zero
  const float* r;  // null: 0
  float low, high;
  T* y;
};

// Functions over maps of T; sums and epilogues are in float whatever T is.
template <typename T>
struct Kernel {
  Isa isa;
  int tile_rows;
  int panel_width;
  int depth_step;
  void (*gemm)(const GemmTile<T, T>&);
  void (*gemm_to_float)(const GemmTile<T, float>&);
  void (*depthwise)(const DepthwiseTile<T>&);
  void (*depthwise_run)(const DepthwiseRun<T>&);
  void (*depthwise_sites)(const DepthwiseSites<T>&);
  void (*blend)(const BlendRow<T>&);
};

#define PERFORATED_CONV_KERNEL(isa, name, rows, width)        \
  void Gemm_##name(const GemmTile<float, float>& tile);       \
  void Depthwise_##name(const DepthwiseTile<float>& tile);    \
  void DepthwiseRun_##name(const DepthwiseRun<float>& run);   \
  void DepthwiseSites_##name(const DepthwiseSites<float>& s); \
  void Blend_##name(const BlendRow<float>& row);
#include "kernels/kernels.inc"
#undef PERFORATED_CONV_KERNEL

// The first kernel of the table that needs no more than `have`.
const Kernel<float>& BestKernel(Isa have);

}  // namespace perforated_conv
