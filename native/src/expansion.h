// The first convolution of an inverted bottleneck, into a buffer of a band's rows and some
// channels.
#pragma once

#include <cstdint>

#include "bands.h"
#include "bottleneck.h"
#include "gather.h"
#include "map_view.h"
#include "panel_gemm.h"

namespace perforated_conv {

// Values one after another as another type, or the same.
void CopyRow(const Kernel<float>& kernel, const float* from, int64_t count, float* to);
void CopyRow(const Kernel<bf16>& kernel, const float* from, int64_t count, bf16* to);

// A part of the expanded map, and where it goes.
template <typename T>
struct ExpandTask {
  const BlockContext& context;
  const Band& band;
  int64_t channel, channels;  // of the chunk
  MapView<T> expanded;
  MapView<T> coarse;  // V of the even pixels, if some are interpolated
  Rows<T> inputs;     // a row for each entry of the first plan; data null: gather them
  T* image_rows;      // BandValues, if they are to be gathered
  T* gathered;        // WindowSource::PanelValues, likewise
  float* partial;
};

template <typename T>
class Expansion {
 public:
  Expansion(const Kernel<T>& kernel, const BottleneckSpec& spec, const float* weights);

  int64_t PartialFloats() const { return gemm_.PartialFloats(kBlockRows); }

  // Values of the rows of a whole call; 0 if the input itself serves.
  int64_t InputValues(const BlockContext& context) const;
  // These rows, in `storage`, or the input itself.
  Rows<T> Inputs(const BlockContext& context, T* storage, const Executor& executor) const;

  // Values of the image rows that a band of this height reads, where bands gather for themselves.
  int64_t BandValues(const BlockContext& context, int64_t height) const;

  void Run(const ExpandTask<T>& task) const;

 private:
  int64_t RowStep() const;
  bool ReadsInPlace(const BlockContext& context) const;
  void GatherBlock(const BlockContext& context, int64_t begin, int64_t count, T* rows) const;
  void CopyPixels(const float* x, const Plan& plan, int64_t begin, int64_t end, T* rows) const;
  const T* ReadImage(const ExpandTask<T>& task) const;
  void RunWindows(const ExpandTask<T>& task, const T* image, int64_t begin, const GemmBlock& block,
                  const Epilogue<T>& out) const;

  const Kernel<T>& kernel_;
  const ConvSpec spec_;
  const int64_t rows_;              // multiplied at once
  const Gather<float, T> gather_;   // of all inputs
  const Gather<T, T> gather_band_;  // of a band's
  const PanelGemm<T> gemm_;
};

}  // namespace perforated_conv
