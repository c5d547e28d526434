#include <cstring>

#include "peaks.h"

namespace roofline {
namespace {

#if defined(__x86_64__)

#define EACH_LINE(F) \
  F("0", "0")        \
  F("64", "1") F("128", "2") F("192", "3") F("256", "4") F("320", "5") F("384", "6") F("448", "7")
#define LOAD(offset, i) "vmovups " offset "(%0), %%zmm" i "\n\t"
#define STORE(offset, i) "vmovups %%zmm" i ", " offset "(%0)\n\t"
#define OVER_BLOCKS(data, end, lines)                                                        \
  asm volatile("1:\n\t" EACH_LINE(lines) "add $512, %0\n\tcmp %1, %0\n\tjb 1b\n\tvzeroupper" \
               : "+r"(data)                                                                  \
               : "r"(end)                                                                    \
               : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7")

void ReadAvx512(const char* data, const char* end) { OVER_BLOCKS(data, end, LOAD); }

void WriteAvx512(char* data, const char* end) { OVER_BLOCKS(data, end, STORE); }

bool HasAvx512() { return __builtin_cpu_supports("avx512f"); }

#else

void ReadAvx512(const char*, const char*) {}

void WriteAvx512(char*, const char*) {}

bool HasAvx512() { return false; }

#endif

// Four sums, so that it is not the addition's latency that is measured.
void ReadPortable(const char* data, const char* end) {
  uint64_t sums[4] = {};
  for (; data < end; data += sizeof(sums)) {
    uint64_t words[4];
    std::memcpy(words, data, sizeof(words));
    for (int i = 0; i < 4; ++i) sums[i] += words[i];
  }
  asm volatile("" : : "r"(sums[0] + sums[1] + sums[2] + sums[3]));  // or nothing would be read
}

}  // namespace

void Read(const char* data, size_t bytes) {
  static const bool wide = HasAvx512();
  wide ? ReadAvx512(data, data + bytes) : ReadPortable(data, data + bytes);
}

void Write(char* data, size_t bytes) {
  static const bool wide = HasAvx512();
  wide ? WriteAvx512(data, data + bytes) : static_cast<void>(std::memset(data, 1, bytes));
}

}  // namespace roofline
