// The instruction set and the precision that kernels are chosen by: one choice for the process,
// settled when it is first used.
#pragma once

#include <optional>

#include "perforated_conv/cpu_features.h"

namespace perforated_conv {

// The wish of a host; without one the environment decides.
struct KernelWish {
  std::optional<Isa> max_isa;
  std::optional<Precision> precision;
};

struct KernelChoice {
  Isa isa;
  Precision precision;
};

// DetectIsa() capped by the wish, else by the environment variable PERFORATED_CONV_MAX_ISA;
// ChoosePrecision() for that and the wish, else for PERFORATED_CONV_PRECISION.
KernelChoice ChooseKernels(const KernelWish& wish);

// Replaces the wish of the process. False, and nothing changes, once the choice is settled.
bool WishKernels(const KernelWish& wish);

// The choice of the process. The first call settles it.
KernelChoice UsableKernels();

inline Isa UsableIsa() { return UsableKernels().isa; }
inline Precision UsablePrecision() { return UsableKernels().precision; }

}  // namespace perforated_conv

// The same for hosts in other languages, exported by the built library.
extern "C" {

enum PerforatedConvConfigured {
  PERFORATED_CONV_HOLDS = 0,
  PERFORATED_CONV_TOO_LATE = 1,
  PERFORATED_CONV_UNKNOWN_NAME = 2,
};

// Names as IsaName() and PrecisionName() have them; null: no wish.
int PerforatedConvConfigure(const char* max_isa, const char* precision);

// The names of UsableKernels(), which they settle.
const char* PerforatedConvIsa();
const char* PerforatedConvPrecision();
}
