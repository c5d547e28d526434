// The kernel levels that tests go through.
#pragma once

#include <string>

#include "perforated_conv/cpu_features.h"

namespace perforated_conv {

constexpr Isa kEveryIsa[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16, Isa::kAmx};

inline std::string LevelName(Isa isa, Precision precision) {
  return std::string(IsaName(isa)) + "_" + PrecisionName(precision);
}

}  // namespace perforated_conv
