// Attributes, weight shapes and result shapes of convolutions in a node, checked.
#pragma once

#include "perforated_conv/gate_mask.h"
#include "perforated_conv/perforated_conv.h"
#include "tensors.h"

namespace perforated_conv::ort {

struct ConvAttributes {
  ConvSpec spec;  // all but the channels and the kernel size, which come with W
  int64_t group;
};

// Of a pag::PerforatedConv node.
ConvAttributes ReadConvAttributes(const OrtKernelInfo* info);

// Of a pag::Bottleneck node.
struct BottleneckAttributes {
  ConvAttributes first, middle;
  Activation inner_activation, activation;
  Fill fill;
};

BottleneckAttributes ReadBottleneckAttributes(const OrtKernelInfo* info);

// Of a pag::GateMask node, all but the channels, which come with W.
GateSpec ReadGateSpec(const OrtKernelInfo* info);

// 0 or 2; refuses others.
int64_t ReadCoarseStride(const OrtKernelInfo* info);

// The complete spec of a convolution whose weights have this shape.
ConvSpec SpecFor(const ConvAttributes& attributes, const Input& weights);

// Shape of a convolution's result; refuses an x that does not fit or leaves nothing.
Shape ConvolvedShape(const ConvSpec& spec, const Input& x);

}  // namespace perforated_conv::ort
