// The parts that both kinds of bottleneck share.
#pragma once

#include <cstdint>
#include <memory>

#include "chunks.h"
#include "fill.h"
#include "kernels/kernel.h"
#include "output.h"
#include "panel_gemm.h"
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

// Kernels, shape and weights of a block; the pointers are not kept.
template <typename T>
struct BlockParts {
  BlockKernels<T> kernels;
  const BottleneckSpec& spec;
  const BottleneckWeights& weights;
};

using BlockWork = std::unique_ptr<const Bottleneck::Work>;

// Depthwise middle: bands of rows and chunks of channels.
template <typename T>
BlockWork MakeInvertedBottleneck(const BlockParts<T>& parts);
// Middle of group 1: tiles of pixels.
template <typename T>
BlockWork MakeResidualBottleneck(const BlockParts<T>& parts);

// The maps, plans and biases of one call.
struct BlockContext {
  const BottleneckSpec& spec;
  const BottleneckCall& call;
  OutMap inner;                       // of A
  Output out;                         // Y
  RowPlan first = {};                 // pixels of `inner` at which first is computed
  RowPlan last = {};                  // pixels of `out` at which middle and last are computed
  bool interpolate;                   // some pixels of A and Y come from the grid
  const float* first_bias = nullptr;  // padded as PadBias does it, and so the others
  const float* middle_bias = nullptr;
  const float* last_bias = nullptr;

  BlockContext(const BottleneckSpec& spec, const BottleneckCall& call);
  // Bytes of plans, biases and the output's grid; and these themselves.
  size_t Bytes() const;
  void Prepare(Arena& arena);
};

// Pointers of some pixels' results in A.
template <typename T>
struct InnerRows {
  T* y[kBlockRows];
  T* raw[kBlockRows];

  // Entries [begin, begin + count) of context.first, as they lie in `inner`, and V of the even ones
  // in `coarse`.
  void Locate(const BlockContext& context, const MapView<T>& inner, const MapView<T>& coarse,
              int64_t begin, int64_t count) {
    const Plan& plan = context.first.plan;
    PixelCursor at(context.inner, plan.Pixel(begin));
    for (int64_t i = 0; i < count;) {
      at.MoveTo(plan.Pixel(begin + i));
      // Pixels of one row differ in x alone.
      const int64_t row = plan.Pixel(begin + i) - at.x();
      T* const first = inner.At(at.image(), at.y(), 0);
      for (; i < count; ++i) {
        const int64_t x = plan.Pixel(begin + i) - row;
        if (x >= context.inner.width) break;
        y[i] = first + x * inner.pixel_step;
        if (!context.interpolate) continue;
        const bool even = at.y() % 2 == 0 && x % 2 == 0;
        raw[i] = even ? coarse.At(at.image(), at.y() / 2, x / 2) : nullptr;
      }
    }
  }

  Epilogue<T> Rows(const BlockContext& context) const {
    const Activation activation = context.spec.inner_activation;
    return {y, nullptr, context.interpolate ? raw : nullptr, Low(activation), High(activation)};
  }
};

// A at the pixels left out: `channels` of it in `inner`, V of the even pixels in `coarse`.
template <typename T>
FillTask<T> SkippedInner(const BlockContext& context, int64_t channels,
                         const MapView<const T>& coarse, const MapView<T>& inner) {
  const Activation activation = context.spec.inner_activation;
  return {context.inner, context.call.mask, channels,        coarse, nullptr,
          inner,         Low(activation),   High(activation)};
}

// All rows of a map, a few at a time.
template <typename T>
void FillRows(const Kernel<T>& kernel, const FillTask<T>& task, const Executor& executor) {
  const Filler<T> filler(kernel, task);
  const Chunks rows = EvenChunks(task.map.images * task.map.height, 4);
  auto fill = [&](int64_t i) { filler.Rows(rows.Begin(i), rows.End(i)); };
  ForEachItem(rows.Count(), executor, fill);
}

// Y at the pixels left out.
void FillOutput(const Kernel<float>& kernel, const BlockContext& context, const Executor& executor);

}  // namespace perforated_conv
