// Rows of a left operand: windows of a map, gathered.
#pragma once

#include <cstdint>

#include "gather.h"
#include "panel_gemm.h"

namespace perforated_conv {

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
