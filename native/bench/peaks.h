// Loops that keep one resource of one core busy and do nothing else.
#pragma once

#include <cstddef>
#include <cstdint>

namespace roofline {

// Instructions on registers alone, enough of them independent to hide their latency.
struct ComputeLoop {
  int64_t per_iteration = 0;                  // instructions
  double flops = 0;                           // of one instruction; a multiply-add counts as two
  void (*run)(int64_t iterations) = nullptr;  // null: this CPU has no such instruction
};

ComputeLoop FloatFma();    // at the widest vectors
ComputeLoop Bf16Dot();     // AVX-512 BF16
ComputeLoop Bf16Matrix();  // AMX tiles

// Both take whole multiples of kBlock bytes, aligned to it.
constexpr size_t kBlock = 512;
void Read(const char* data, size_t bytes);
void Write(char* data, size_t bytes);

}  // namespace roofline
