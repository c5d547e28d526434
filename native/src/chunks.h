// Work cut into items for a pool.
#pragma once

#include <algorithm>
#include <cstdint>

#include "perforated_conv/executor.h"

namespace perforated_conv {

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t RoundUp(int64_t a, int64_t step) { return CeilDiv(a, step) * step; }

// Equal chunks of [0, total).
struct Chunks {
  int64_t total, size;

  int64_t Count() const { return CeilDiv(total, size); }
  int64_t Begin(int64_t i) const { return i * size; }
  int64_t End(int64_t i) const { return std::min(total, (i + 1) * size); }
};

// Chunks of `most`, or of half of it where so few would keep threads waiting for a last one.
inline Chunks EvenChunks(int64_t total, int64_t most) {
  constexpr int64_t kMany = 32;
  return {total, total >= kMany * most ? most : CeilDiv(most, 2)};
}

template <typename F>
void ForEachItem(int64_t count, const Executor& executor, F& body) {
  if (count > 1) return executor.ForEach(count, body);
  if (count == 1) body(0);
}

}  // namespace perforated_conv
