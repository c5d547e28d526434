// Rows of a left operand: windows of a map, located and gathered.
#pragma once

#include <cstdint>

#include "gather.h"
#include "panel_gemm.h"
#include "plan.h"

namespace perforated_conv {

// Windows of entries [begin, begin + count) of a plan over the output map of `spec`; the input map
// is [images, height, width, in_channels], its images `image_step` values apart.
template <typename S>
void LocateWindows(const ConvSpec& spec, const S* input, int64_t image_step, const OutMap& map,
                   const Plan& plan, int64_t begin, int64_t count, Window<S>* windows) {
  PixelCursor at(map, plan.Pixel(begin));
  for (int64_t i = 0; i < count; ++i) {
    at.MoveTo(plan.Pixel(begin + i));
    windows[i] = {input + at.image() * image_step, at.y() * spec.stride_h - spec.pad_top,
                  at.x() * spec.stride_w - spec.pad_left};
  }
}

// Windows [0, count) of a map of S as rows of T.
template <typename S, typename T>
struct WindowSource {
  const Gather<S, T>& gather;
  const Window<S>* windows;
  int64_t height, width;
  T* panel;  // [kBlockRows][kRowStride<T>]

  Rows<T> operator()(const DepthBlocks::Block& depth, int64_t begin, int64_t end) const {
    T* rows = panel + begin * kRowStride<T>;
    gather.Copy(depth, windows + begin, end - begin, height, width, rows, kRowStride<T>);
    return {rows, kRowStride<T>};
  }

  static constexpr int64_t PanelValues() { return kBlockRows * kRowStride<T>; }
};

// Rows that lie in memory already, whole depths `step` apart.
template <typename T>
struct RowSource {
  const T* data;
  int64_t step;

  Rows<T> operator()(const DepthBlocks::Block& depth, int64_t begin, int64_t) const {
    return {data + begin * step + depth.first, step};
  }
};

}  // namespace perforated_conv
