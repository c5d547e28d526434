// Computed pixels that lie side by side.
#pragma once

#include <cstdint>

#include "conv.h"

namespace perforated_conv {

// Entries [begin, end) of a plan: neighbours in one row, no tap outside the map.
struct PixelRun {
  int64_t begin, end;
  int64_t pixel;       // flat index of the first
  const float* first;  // its first tap
};

// The next run of at least `least` pixels among entries [begin, end), or an empty one at `end`.
PixelRun NextRun(const ConvSpec& spec, const CallContext& context, int64_t begin, int64_t end,
                 int64_t least);

}  // namespace perforated_conv
