// The output of a call: where its values go, and what fills the pixels that are not computed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "fill.h"
#include "kernels/kernel.h"
#include "perforated_conv/perforated_conv.h"
#include "plan.h"
#include "scratch.h"

namespace perforated_conv {

// Mask, residual and y as in ConvCall.
struct Output {
  OutMap map;
  int64_t channels;
  Fill fill;
  Activation activation;
  const uint8_t* mask;
  const float* residual;
  float* y;
  // [images, GridSize(height), GridSize(width), channels]: V of the even pixels; null if Y has it
  // or nobody needs it.
  float* coarse = nullptr;

  // True if some pixels may come from the even ones.
  bool Interpolates() const { return mask != nullptr && fill == Fill::kInterpolate; }
  // Bytes of `coarse`, and its place in an arena once the computed pixels are known.
  size_t CoarseBytes() const;
  void TakeCoarse(Arena& arena, const Plan& plan);
  // Y at the pixels left out.
  FillTask<float> Skipped() const;

 private:
  int64_t CoarseFloats() const;
};

// Destination rows of some pixels.
struct OutRows {
  float** y;
  const float** r;
  float** raw;

  static OutRows In(Arena& arena, int64_t count);
  static size_t Bytes(int64_t count);
  // Entries [begin, begin + count) of the plan.
  void Locate(const Output& output, const Plan& plan, int64_t begin, int64_t count) const;
  Epilogue<float> Rows(const Output& output) const;
};

}  // namespace perforated_conv
