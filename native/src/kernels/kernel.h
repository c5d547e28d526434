// The contract of a kernel: its results, and what its caller must guarantee. Kernels cannot fail.
//
// No inline function may stand here: this header is compiled with every file's own ISA flags, and
// the linker would keep one copy for all.
#pragma once

#include <cstdint>

#include "perforated_conv/cpu_features.h"

namespace perforated_conv {

// The longest sum of one gemm call.
constexpr int64_t kDepthBlock = 384;

// Gathered rows of a tile lie kRowStride values apart. An odd number of cache lines keeps rows in
// different sets.
template <typename T>
constexpr int64_t kRowStride = kDepthBlock + 64 / static_cast<int64_t>(sizeof(T));

// Pixels a depthwise kernel takes at once.
constexpr int kDepthwiseRows = 4;

// Pixels in one call of depthwise_sites, which takes any number: enough for its preparations, once
// for each vector of channels, to be worth it.
constexpr int kDepthwiseSites = 64;

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
// Where depth was rounded up to a depth_step, B is 0 and a must be finite. Nothing of a is read
// beyond its rows and depth.
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

// The same for any pixels, and any number of them, of a map padded so that no tap is outside it:
// y[i][c] = clamp(bias[c] + sum over t of x[i][offsets[t] + c] * w[t * w_step + c], low, high)
// i < rows; c < channels.
template <typename T>
struct DepthwiseSites {
  int rows;
  int64_t taps, channels, w_step;
  const int64_t* offsets;
  const T* const* x;
  const T* w;
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

// y[i] = bias + sum over c of x[i * x_step + c] * w[c], i < pixels, c < channels
struct DotRows {
  int64_t pixels, channels, x_step;
  const float* x;
  const float* w;
  float bias;
  float* y;
};

// Functions over maps of T; sums and epilogues are in float whatever T is.
template <typename T>
struct MapKernel {
  Isa isa;
  int tile_rows;
  int panel_width;
  int depth_step;
  void (*enter)();  // null, or to be called on a thread before its gemm calls,
  void (*leave)();  // and this after them; such pairs do not nest
  void (*gemm)(const GemmTile<T, T>&);
  void (*gemm_to_float)(const GemmTile<T, float>&);
  void (*depthwise_sites)(const DepthwiseSites<T>&);
  void (*blend)(const BlendRow<T>&);
};

template <typename T>
struct Kernel;

template <>
struct Kernel<float> : MapKernel<float> {
  void (*depthwise)(const DepthwiseTile<float>&);
  void (*depthwise_run)(const DepthwiseRun<float>&);
  void (*dot)(const DotRows&);
};

template <>
struct Kernel<bf16> : MapKernel<bf16> {
  // Rounds n values to nearest, ties to even; NaN kept.
  void (*narrow)(const float* from, bf16* to, int64_t n);
};

// The rows of the table, best first.
template <typename T>
struct KernelTable {
  const Kernel<T>* first;
  const Kernel<T>* last;  // one beyond
};

// For T = float and bf16.
template <typename T>
KernelTable<T> Kernels();

// The first kernel of the table that needs no more than `have`.
template <typename T>
const Kernel<T>& BestKernel(Isa have);

}  // namespace perforated_conv
