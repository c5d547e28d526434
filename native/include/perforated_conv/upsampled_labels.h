// Labels at full resolution: the argmax of bilinearly interpolated logits, which are never written.
#pragma once

#include <cstdint>

#include "perforated_conv/executor.h"

namespace perforated_conv {

// As many as a label of 8 bits tells apart.
constexpr int64_t kMostClasses = 256;

// Label (y, x) lies at row (y + 0.5) * extent_rows / height - 0.5 of the logits, columns likewise,
// clamped to them.
struct UpsampledLabelsCall {
  int64_t images = 1, rows = 1, columns = 1, classes = 1;  // of the logits; classes <= kMostClasses
  int64_t height = 1, width = 1;                           // of the labels
  double extent_rows = 1.0, extent_columns = 1.0;          // what the labels cover of the logits
  const float* logits = nullptr;  // [images, rows, columns, classes], finite
  uint8_t* labels = nullptr;      // [images, height, width]
};

// Of classes that are equal at a label's place the lowest wins.
void UpsampledLabels(const UpsampledLabelsCall& call, const Executor& executor);

}  // namespace perforated_conv
