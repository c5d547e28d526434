// The custom operators of this library.
#pragma once

#include "tensors.h"

namespace perforated_conv::ort {

// THE TABLE: declarations and registration are made from it.
#define PERFORATED_CONV_EACH_OP(OP) \
  OP(PerforatedConv) OP(Bottleneck) OP(BudgetMask) OP(GateMask) OP(UpsampledLabels)

// The objects live as long as the library.
#define PERFORATED_CONV_DECLARE(name) const OrtCustomOp* name##Op();
PERFORATED_CONV_EACH_OP(PERFORATED_CONV_DECLARE)
#undef PERFORATED_CONV_DECLARE

}  // namespace perforated_conv::ort
