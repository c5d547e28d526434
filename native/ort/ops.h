// The custom operators of this library, as register.cc lists them.
#pragma once

#include "tensors.h"

namespace perforated_conv::ort {

// The objects live as long as the library.
const OrtCustomOp* PerforatedConvOp();
const OrtCustomOp* BottleneckOp();
const OrtCustomOp* BudgetMaskOp();
const OrtCustomOp* GateMaskOp();
const OrtCustomOp* UpsampledLabelsOp();

}  // namespace perforated_conv::ort
