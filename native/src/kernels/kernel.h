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

// Where rows (pixels) go; one for all tiles of a block. y[i][c] = clamp(v[i][c] + r[i][c], low,
// high), NaN kept; and raw[i][c] = v[i][c] where raw[i] is not null.
struct Epilogue {
  float* const* y;
  const float* const* r;  // null: 0
  float* const* raw;      // null: none
  float low, high;
};

// v[i][j] = bias[j] + sum over k of a[i * a_step + k] * b[k * width + j]
// i < rows <= tile_rows; k < depth <= kDepthBlock; j < width.
// A sum over more than kDepthBlock is done in several calls that keep v in `partial`.
struct GemmTile {
  int rows;
  int width;  // panel_width, or half of it
  int64_t depth;
  const float* a;
  int64_t a_step;  // kRowStride, or that of the input
  const float* b;
  const float* bias;  // [width]
  float* partial;     // [rows][width]
  bool first;         // start from bias, else from partial
  bool last;          // finish to `out`, else to partial
  int64_t column;     // offset of j = 0 in the rows of `out`
  int64_t row;        // of `out` for i = 0
  int64_t channels;   // columns to store, <= width
  const Epilogue* out;
};

// v[i][c] = bias[c] + sum over t of x[t * kDepthwiseRows + i][c] * w[t * stride + c]
// i < rows <= kDepthwiseRows; begin <= c < end. Row i goes to row + i of `out`.
struct DepthwiseTile {
  int rows;
  int64_t taps, stride, begin, end, row;
  const float* const* x;
  const float* w;
  const float* bias;
  const Epilogue* out;
};

// The same for pixels side by side whose taps are all inside the map:
// v[i][c] = bias[c] + sum over ky, kx of
//   x[ky * row_step + kx * tap_step + i * pixel_step + c] * w[(ky * kernel_w + kx) * channels + c]
// i < pixels; begin <= c < end. Row i of y and r starts at i * channels.
struct DepthwiseRun {
  int64_t pixels, channels, begin, end;
  int64_t kernel_h, kernel_w, row_step, tap_step, pixel_step;
  const float* x;
  const float* w;
  const float* bias;
  const float* r;  // null: 0
  float low, high;
  float* y;
};

// y[c] = clamp(0.25 * ((v0[c] + v1[c]) + (v2[c] + v3[c])) + r[c], low, high)
struct BlendRow {
  int64_t channels;
  const float* v[4];  // v[0] null: all zero
  const float* r;     // null: 0
  float low, high;
  float* y;
};

struct Kernel {
  Isa isa;
  int tile_rows;
  int panel_width;
  void (*gemm)(const GemmTile&);
  void (*depthwise)(const DepthwiseTile&);
  void (*depthwise_run)(const DepthwiseRun&);
  void (*blend)(const BlendRow&);
};

#define PERFORATED_CONV_KERNEL(isa, name, rows, width) \
  void Gemm_##name(const GemmTile& tile);              \
  void Depthwise_##name(const DepthwiseTile& tile);    \
  void DepthwiseRun_##name(const DepthwiseRun& run);   \
  void Blend_##name(const BlendRow& row);
#include "kernels/kernels.inc"
#undef PERFORATED_CONV_KERNEL

// The first kernel of the table that needs no more than `have`.
const Kernel& BestKernel(Isa have);

}  // namespace perforated_conv
