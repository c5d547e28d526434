// The parts of a Convolution that run over chunks of computed pixels.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gather.h"
#include "kernels/kernel.h"
#include "pack.h"
#include "perforated_conv/perforated_conv.h"
#include "plan.h"

namespace perforated_conv {

// What all chunks of one call share.
struct CallContext {
  const ConvCall& call;
  OutMap map;
  Plan plan;
  const float* bias;  // padded to whole panels
  float* coarse;      // [images, GridSize(height), GridSize(width), out_channels]: V of the even
                      // pixels, or null if nobody needs it
};

// Destination rows of some pixels, and the pixels' windows.
struct Sites {
  Window<float>* windows;
  float** y;
  const float** r;
  float** raw;

  // Room for `pixels` sites in an arena, and the bytes it takes.
  static Sites In(class Arena& arena, int64_t pixels);
  static size_t Bytes(int64_t pixels);

  // Pixels [begin, begin + count) of the plan.
  void Locate(const ConvSpec& spec, const CallContext& context, int64_t begin, int64_t count) const;
  Epilogue<float> Rows(const ConvSpec& spec, const CallContext& context) const;
};

// The work on pixels [begin, end) of the plan.
class PixelWork {
 public:
  virtual ~PixelWork() = default;
  virtual void Run(const CallContext& context, int64_t begin, int64_t end) const = 0;
  // Pixels that the kernel takes at once.
  virtual int tile_rows() const = 0;
};

// group = 1: gather tiles of pixels, multiply with panels of weights.
template <typename T>
std::unique_ptr<PixelWork> MakeGemmWork(const Kernel<T>& kernel, const ConvSpec& spec,
                                        const float* weights);
// group = channels: one pass over the channels for a few pixels.
std::unique_ptr<PixelWork> MakeDepthwiseWork(const Kernel<float>& kernel, const ConvSpec& spec,
                                             const float* weights);

// Floats of a bias padded to whole panels of any kernel.
int64_t PaddedBias(const ConvSpec& spec);

}  // namespace perforated_conv
