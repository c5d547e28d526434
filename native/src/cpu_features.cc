#include "perforated_conv/cpu_features.h"

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace perforated_conv {
namespace {

Isa IsaCap() {
  const char* cap = std::getenv("PERFORATED_CONV_MAX_ISA");
  if (cap == nullptr) return Isa::kAvx512;
  for (Isa isa : {Isa::kPortable, Isa::kAvx2}) {
    if (std::strcmp(cap, IsaName(isa)) == 0) return isa;
  }
  return Isa::kAvx512;
}

}  // namespace

const char* IsaName(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
  }
  return "unknown";
}

Isa DetectIsa() {
#if PERFORATED_CONV_X86
  // The builtin asks the operating system as well (XGETBV) before it claims the wide registers.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) return Isa::kAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::kAvx2;
#endif
  return Isa::kPortable;
}

Isa UsableIsa() {
  static const Isa usable = DetectIsa() < IsaCap() ? DetectIsa() : IsaCap();
  return usable;
}

}  // namespace perforated_conv
