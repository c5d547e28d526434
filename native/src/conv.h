// The parts of a Convolution that run over chunks of computed pixels.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/kernel.h"
#include "output.h"
#include "perforated_conv/perforated_conv.h"
#include "plan.h"
#include "window_source.h"

namespace perforated_conv {

// The part of a call that all its chunks share.
struct CallContext {
  const ConvCall& call;
  const Output out;
  const Plan plan;
  const float* bias;  // padded as PadBias does it
};

// Destination rows of some pixels, and the pixels' windows.
struct Sites {
  Window<float>* windows;
  OutRows rows;

  static Sites In(Arena& arena, int64_t count) {
    return {arena.Take<Window<float>>(count), OutRows::In(arena, count)};
  }
  static size_t Bytes(int64_t count) {
    return Arena::Bytes<Window<float>>(count) + OutRows::Bytes(count);
  }

  // Entries [begin, begin + count) of the plan.
  void Locate(const ConvSpec& spec, const CallContext& context, int64_t begin,
              int64_t count) const {
    const ConvCall& call = context.call;
    LocateWindows(spec, call.x, call.height * call.width * spec.in_channels, context.out.map,
                  context.plan, begin, count, windows);
    rows.Locate(context.out, context.plan, begin, count);
  }
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

}  // namespace perforated_conv
