// In assembly: of an array of vectors a compiler may keep a part in memory and measure that.
#include "peaks.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace roofline {

#if defined(__x86_64__)
namespace {

// As float .501, as a pair of bf16 .5 and .5: no operand is denormal, no sum overflows.
constexpr uint32_t kOperand = 0x3f003f00;

// clang-format off
#define EACH_12(F) \
  F("0") F("1") F("2") F("3") F("4") F("5") F("6") F("7") F("8") F("9") F("10") F("11")
#define EACH_24(F) EACH_12(F) \
  F("12") F("13") F("14") F("15") F("16") F("17") F("18") F("19") F("20") F("21") F("22") F("23")
// clang-format on
// The registers above 15 are not named: only code built for AVX-512 would keep anything there.
#define CLOBBERED                                                                                \
  "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
      "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"

#define ZERO_512(i) "vpxord %%zmm" i ", %%zmm" i ", %%zmm" i "\n\t"
#define FMA_512(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" i "\n\t"
#define DOT_512(i) "vdpbf16ps %%zmm30, %%zmm31, %%zmm" i "\n\t"
#define LOOP_512(instruction)                                                               \
  asm volatile("vpbroadcastd %1, %%zmm30\n\tvpbroadcastd %1, %%zmm31\n\t" EACH_24(          \
                   ZERO_512) "1:\n\t" EACH_24(instruction) "dec %0\n\tjnz 1b\n\tvzeroupper" \
               : "+r"(iterations)                                                           \
               : "r"(kOperand)                                                              \
               : CLOBBERED)

void FmaAvx512(int64_t iterations) { LOOP_512(FMA_512); }

void DotAvx512(int64_t iterations) { LOOP_512(DOT_512); }

#define ZERO_256(i) "vxorps %%ymm" i ", %%ymm" i ", %%ymm" i "\n\t"
#define FMA_256(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" i "\n\t"

void FmaAvx2(int64_t iterations) {
  asm volatile(
      "vmovd %1, %%xmm14\n\tvbroadcastss %%xmm14, %%ymm14\n\tvmovaps %%ymm14, %%ymm15\n\t" EACH_12(
          ZERO_256) "1:\n\t" EACH_12(FMA_256) "dec %0\n\tjnz 1b\n\tvzeroupper"
      : "+r"(iterations)
      : "r"(kOperand)
      : CLOBBERED);
}

// Eight tiles of 16 rows of 64 bytes: four sums, two of each operand.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

void MatrixAmx(int64_t iterations) {
  const TileConfig config;
  asm volatile(
      "ldtilecfg %1\n\t"
      "tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n\t"
      "tilezero %%tmm4\n\ttilezero %%tmm5\n\ttilezero %%tmm6\n\ttilezero %%tmm7\n\t"
      "1:\n\t"
      "tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\ttdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\t"
      "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\ttdpbf16ps %%tmm7, %%tmm5, %%tmm3\n\t"
      "dec %0\n\tjnz 1b\n\ttilerelease"
      : "+r"(iterations)
      : "m"(config)
      : "cc");
}

// The system gives a process the tiles' state only on request; once is enough.
bool HasAmx() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool instructions =
      __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 22 & 1) != 0 && (d >> 24 & 1) != 0;
  return instructions && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

ComputeLoop FloatFma() {
  if (__builtin_cpu_supports("avx512f")) return {24, 2 * 16, FmaAvx512};
  if (__builtin_cpu_supports("fma")) return {12, 2 * 8, FmaAvx2};
  return {};
}

ComputeLoop Bf16Dot() {
  if (__builtin_cpu_supports("avx512bf16")) return {24, 2 * 32, DotAvx512};
  return {};
}

ComputeLoop Bf16Matrix() {
  if (HasAmx()) return {4, 2 * 16 * 16 * 32, MatrixAmx};
  return {};
}

#else

ComputeLoop FloatFma() { return {}; }

ComputeLoop Bf16Dot() { return {}; }

ComputeLoop Bf16Matrix() { return {}; }

#endif

}  // namespace roofline
