// bf16 one value at a time, for code that runs once: packing, tests. Not for the kernels' files.
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/kernel.h"

namespace perforated_conv {

// Rounds to nearest, ties to even; a NaN stays one.
inline bf16 ToBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value)) return {static_cast<uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

inline float ToFloat(bf16 value) {
  const uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

}  // namespace perforated_conv
