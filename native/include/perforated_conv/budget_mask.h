// The mask that spends a budget: the best k pixels of a score map, exactly and deterministically.
#pragma once

#include <cstdint>

#include "perforated_conv/executor.h"

namespace perforated_conv {

struct BudgetMaskCall {
  int64_t images = 1, height = 1, width = 1;
  int64_t coarse_stride = 0;      // > 0: pixels with y and x multiples of it are always in
  const float* scores = nullptr;  // [images, height, width]; NaN counts as -infinity
  const float* ratio = nullptr;   // [images]
  uint8_t* mask = nullptr;        // [images, height, width], 0 or 1
};

// Number of pixels of that grid in a map; 0 if coarse_stride is 0.
int64_t GridPixels(int64_t height, int64_t width, int64_t coarse_stride);

// min(n, max(floor(float(ratio) * float(n)), grid)); NaN and ratios <= 0 give grid.
int64_t BudgetPixels(float ratio, int64_t n, int64_t grid);

// Marks BudgetPixels(ratio[i], ...) pixels of each image i: the grid first, then by score
// descending; of equal scores the lower flat index is first.
void BudgetMask(const BudgetMaskCall& call, const Executor& executor);

}  // namespace perforated_conv
