// Attributes and shapes of convolutions and gates in a node, checked.
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

// Refuses an x that is no map of this many channels, which a W of this shape needs.
void RequireChannels(const Input& x, const Shape& weights, int64_t channels);

// Refuses a mask or a residual that does not fit the result `y` of `x`.
void RequireMaskAndResidual(const Input& mask, const Input& residual, const Input& x,
                            const Shape& y);

// Refuses a ratio that is not one number per image of `maps`.
void RequireOnePerImage(const Input& ratio, const Input& maps);

// The floats of a bias, or null if it is left out; refuses one that does not fit.
const float* Bias(const Input& bias, const ConvSpec& spec);

// Images, height and width of a call on `x`.
template <typename Call>
void SetMap(const Input& x, Call& call) {
  call.images = x.shape[0];
  call.height = x.shape[1];
  call.width = x.shape[2];
}

}  // namespace perforated_conv::ort
