// The functions behind the table. Like kernel.h it may hold no inline function.
#pragma once

#include "kernels/kernel.h"

namespace perforated_conv {

#define PERFORATED_CONV_F32_KERNEL(isa, name, rows, width)    \
  void Gemm_##name(const GemmTile<float, float>& tile);       \
  void DepthwiseSites_##name(const DepthwiseSites<float>& s); \
  void Blend_##name(const BlendRow<float>& row);              \
  void Depthwise_##name(const DepthwiseTile<float>& tile);    \
  void DepthwiseRun_##name(const DepthwiseRun<float>& run);   \
  void Dot_##name(const DotRows& dots);
#define PERFORATED_CONV_BF16_KERNEL(isa, product, name, ...)     \
  void Gemm_##product(const GemmTile<bf16, bf16>& tile);         \
  void GemmToFloat_##product(const GemmTile<bf16, float>& tile); \
  void DepthwiseSites_##name(const DepthwiseSites<bf16>& s);     \
  void Blend_##name(const BlendRow<bf16>& row);                  \
  void Narrow_##name(const float* from, bf16* to, int64_t n);
#include "kernels/kernels.inc"

// Around uses of tiles on a thread: gives them their shapes, and back to the system.
void EnterTiles();
void LeaveTiles();

}  // namespace perforated_conv
