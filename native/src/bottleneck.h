// What both kinds of bottleneck share.
#pragma once

#include <cstdint>
#include <memory>

#include "chunks.h"
#include "fill.h"
#include "gather.h"
#include "kernels/kernel.h"
#include "perforated_conv/bottleneck.h"
#include "plan.h"
#include "scratch.h"

namespace perforated_conv {

struct Bottleneck::Work {
  virtual ~Work() = default;
  virtual void Run(const BottleneckCall& call, const Executor& executor) const = 0;
};

// The kernels of both element types that a block of T needs: its last map is float.
template <typename T>
struct BlockKernels {
  const Kernel<T>& inner;
  const Kernel<float>& outer;
};

// Depthwise middle: bands of rows and chunks of channels.
template <typename T>
std::unique_ptr<const Bottleneck::Work> MakeInvertedBottleneck(const BlockKernels<T>& kernels,
                                                               const BottleneckSpec& spec,
                                                               const BottleneckWeights& weights);
// Middle of group 1: tiles of pixels.
template <typename T>
std::unique_ptr<const Bottleneck::Work> MakeResidualBottleneck(const BlockKernels<T>& kernels,
                                                               const BottleneckSpec& spec,
                                                               const BottleneckWeights& weights);

// The maps and plans of one call.
struct BlockContext {
  const BottleneckSpec& spec;
  const BottleneckCall& call;
  OutMap inner;      // of A
  OutMap out;        // of Y
  RowPlan first;     // pixels of `inner` at which first is computed
  RowPlan last;      // pixels of `out` at which middle and last are computed
  bool interpolate;  // some pixels of A and Y come from the grid
  float* coarse;     // [images, grid of out, out_channels]: V of the even pixels, or null: is in Y

  BlockContext(const BottleneckSpec& spec, const BottleneckCall& call);
  // Bytes of the plans, and the plans.
  size_t Bytes() const;
  void MakePlans(Arena& arena);

  bool NeedsCoarse() const;
};

// Pointers of some pixels' results in Y, to be made for a block of the plan at a time.
struct OutRows {
  float** y;
  const float** r;
  float** raw;

  static OutRows In(Arena& arena, int64_t count);
  static size_t Bytes(int64_t count);
  // Entries [begin, begin + count) of context.last.
  void Locate(const BlockContext& context, int64_t begin, int64_t count) const;
  Epilogue<float> Rows(const BlockContext& context) const;
};

// Y at the pixels left out.
void FillOutput(const Kernel<float>& kernel, const BlockContext& context, const Executor& executor);

// All rows of a map, a few at a time.
template <typename T>
void FillRows(const Filler<T>& filler, const OutMap& map, const Executor& executor) {
  const Chunks rows = EvenChunks(map.images * map.height, 4);
  auto fill = [&](int64_t i) { filler.Rows(rows.Begin(i), rows.End(i)); };
  ForEachItem(rows.Count(), executor, fill);
}

// [padded to whole panels of any kernel], zeros if bias is null.
const float* PadBias(Arena& arena, const float* bias, int64_t channels);
size_t PaddedBiasBytes(int64_t channels);

// Windows of entries [begin, begin + count) of a plan over the output map of `spec`; the input map
// is [images, height, width, in_channels].
template <typename S>
void LocateWindows(const ConvSpec& spec, const S* input, int64_t height, int64_t width,
                   const OutMap& map, const Plan& plan, int64_t begin, int64_t count,
                   Window<S>* windows) {
  const int64_t image_values = height * width * spec.in_channels;
  PixelCursor at(map, plan.Pixel(begin));
  for (int64_t i = 0; i < count; ++i) {
    at.MoveTo(plan.Pixel(begin + i));
    windows[i] = {input + at.image() * image_values, at.y() * spec.stride_h - spec.pad_top,
                  at.x() * spec.stride_w - spec.pad_left};
  }
}

}  // namespace perforated_conv
