#include "perforated_conv/cpu_features.h"

#include <algorithm>
#include <cstring>

#if PERFORATED_CONV_X86
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace perforated_conv {
namespace {

#if PERFORATED_CONV_X86
bool HasTiles() {
  constexpr unsigned kTileBits = 1u << 24 | 1u << 22;  // of EDX: AMX-TILE, AMX-BF16
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kTileBits) == kTileBits;
}

// True if the operating system saves the tiles' configuration and data. Needs XGETBV, which every
// CPU with AVX has.
bool SavesTiles() {
  constexpr unsigned kTileState = 1u << 17 | 1u << 18;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low & kTileState) == kTileState;
}

// Linux gives tile data to processes that ask for it.
bool MayUseTiles() {
#if defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM
  static const bool granted = syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  return granted;
#else
  return false;
#endif
}

// The builtin asks the operating system as well (XGETBV) before it claims the wide registers.
bool HasAvx512() { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"); }
bool HasAvx512Bf16() {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bf16");
}
#endif

}  // namespace

const char* IsaName(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Bf16:
      return "avx512_bf16";
    case Isa::kAmx:
      return "amx";
  }
  return "unknown";
}

Isa DetectIsa() {
#if PERFORATED_CONV_X86
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::kPortable;
  if (!HasAvx512()) return Isa::kAvx2;
  if (!HasAvx512Bf16()) return Isa::kAvx512;
  return HasTiles() && SavesTiles() && MayUseTiles() ? Isa::kAmx : Isa::kAvx512Bf16;
#else
  return Isa::kPortable;
#endif
}

std::optional<Isa> IsaNamed(const char* name) {
  for (const Isa isa : kEveryIsa) {
    if (name != nullptr && std::strcmp(name, IsaName(isa)) == 0) return isa;
  }
  return std::nullopt;
}

Isa CapIsa(Isa have, const char* cap) { return std::min(have, IsaNamed(cap).value_or(have)); }

const char* PrecisionName(Precision precision) {
  return precision == Precision::kF32 ? "f32" : "bf16";
}

std::optional<Precision> PrecisionNamed(const char* name) {
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    if (name != nullptr && std::strcmp(name, PrecisionName(precision)) == 0) return precision;
  }
  return std::nullopt;
}

Precision ChoosePrecision(Isa usable, const char* wish) {
  return PrecisionNamed(wish).value_or(usable >= Isa::kAvx512Bf16 ? Precision::kBf16
                                                                  : Precision::kF32);
}

}  // namespace perforated_conv
