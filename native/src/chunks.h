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

// Chunks of whole blocks (of half a block where so few would keep threads waiting for the last):
// enough for any pool, and long, so that a thread reads and writes in long streams.
inline Chunks EvenChunks(int64_t total, int64_t block) {
  constexpr int64_t kMost = 64;
  constexpr int64_t kFew = 32;
  if (total < kFew * block) return {total, CeilDiv(block, 2)};
  return {total, CeilDiv(total, kMost * block) * block};
}

// Calls body(begin, count) for the blocks of chunk i.
template <typename F>
void ForEachBlock(const Chunks& chunks, int64_t i, int64_t block, F&& body) {
  const int64_t end = chunks.End(i);
  for (int64_t at = chunks.Begin(i); at < end; at += block) body(at, std::min(block, end - at));
}

template <typename F>
void ForEachItem(int64_t count, const Executor& executor, F& body) {
  if (count > 1) return executor.ForEach(count, body);
  if (count == 1) body(0);
}

// Calls body(begin, count) for the blocks of [0, total), chunks of them on different threads.
template <typename F>
void ForEachBlock(int64_t total, int64_t block, const Executor& executor, F&& body) {
  const Chunks chunks = EvenChunks(total, block);
  auto item = [&](int64_t i) { ForEachBlock(chunks, i, block, body); };
  ForEachItem(chunks.Count(), executor, item);
}

}  // namespace perforated_conv
