// Attributes and weight shape of a pag::PerforatedConv node, checked.
#pragma once

#include "perforated_conv/perforated_conv.h"
#include "tensors.h"

namespace perforated_conv::ort {

struct ConvAttributes {
  ConvSpec spec;  // all but the channels and the kernel size, which come with W
  int64_t group;
};

ConvAttributes ReadConvAttributes(const OrtKernelInfo* info);

// The complete spec of a node whose W has this shape.
ConvSpec SpecFor(const ConvAttributes& attributes, const Input& weights);

}  // namespace perforated_conv::ort
