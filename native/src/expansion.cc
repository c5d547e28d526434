#include "expansion.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "window_source.h"

namespace perforated_conv {

void CopyRow(const Kernel<float>&, const float* from, int64_t count, float* to) {
  std::memcpy(to, from, static_cast<size_t>(count) * sizeof(float));
}

void CopyRow(const Kernel<bf16>& kernel, const float* from, int64_t count, bf16* to) {
  kernel.narrow(from, to, count);
}

template <typename T>
Expansion<T>::Expansion(const Kernel<T>& kernel, const BottleneckSpec& spec, const float* weights)
    : kernel_(kernel),
      spec_(*spec.first),
      rows_(RowsPerBlock(kernel)),
      gather_(spec_, kernel),
      gather_band_(spec_, kernel),
      gemm_(kernel, spec_, weights) {}

template <typename T>
int64_t Expansion<T>::RowStep() const {
  const int64_t depth = spec_.kernel_h * spec_.kernel_w * spec_.in_channels;
  // Other threads write the rows before and after a thread's own.
  return RoundUp(depth, kernel_.depth_step) + (spec_.IsPointwise() ? 0 : kLooseCopy);
}

template <typename T>
bool Expansion<T>::ReadsInPlace(const BlockContext& context) const {
  return std::is_same_v<T, float> && !context.interpolate && spec_.IsPointwise();
}

template <typename T>
int64_t Expansion<T>::InputValues(const BlockContext& context) const {
  return ReadsInPlace(context) ? 0 : context.first.plan.count * RowStep();
}

template <typename T>
Rows<T> Expansion<T>::Inputs(const BlockContext& context, T* storage,
                             const Executor& executor) const {
  const float* const x = context.call.x;
  if constexpr (std::is_same_v<T, float>) {
    if (ReadsInPlace(context)) return {x, spec_.in_channels};
  }
  const Plan& plan = context.first.plan;
  const Chunks chunks = EvenChunks(plan.count, rows_);
  const bool whole = spec_.IsPointwise() && RowStep() == spec_.in_channels;
  auto gather = [&](int64_t i) {
    if (whole) return CopyPixels(x, plan, chunks.Begin(i), chunks.End(i), storage);
    ForEachBlock(chunks, i, rows_, [&](int64_t begin, int64_t count) {
      GatherBlock(context, begin, count, storage + begin * RowStep());
    });
  };
  ForEachItem(chunks.Count(), executor, gather);
  return {storage, RowStep()};
}

template <typename T>
void Expansion<T>::GatherBlock(const BlockContext& context, int64_t begin, int64_t count,
                               T* rows) const {
  const BottleneckCall& call = context.call;
  Window<float> windows[kBlockRows];
  LocateWindows(spec_, call.x, call.height * call.width * spec_.in_channels, context.inner,
                context.first.plan, begin, count, windows);
  for (const DepthBlocks::Block& block : gemm_.depth().blocks()) {
    gather_.Copy(block, windows, count, call.height, call.width, rows + block.first, RowStep());
  }
}

// Pixels [begin, end) of the plan, neighbours in one go.
template <typename T>
void Expansion<T>::CopyPixels(const float* x, const Plan& plan, int64_t begin, int64_t end,
                              T* rows) const {
  const int64_t channels = RowStep();
  for (int64_t next; begin < end; begin = next) {
    const int64_t pixel = plan.Pixel(begin);
    next = plan.pixels == nullptr ? end : begin + 1;
    while (next < end && plan.Pixel(next) - pixel == next - begin) ++next;
    CopyRow(kernel_, x + pixel * channels, (next - begin) * channels, rows + begin * channels);
  }
}

template <typename T>
int64_t Expansion<T>::BandValues(const BlockContext& context, int64_t height) const {
  if (std::is_same_v<T, float>) return 0;
  // A row to spare for loose copies.
  const int64_t rows = (height - 1) * spec_.stride_h + spec_.kernel_h + 1;
  return rows * context.call.width * spec_.in_channels;
}

// The band's image as T, of which only the rows that the band reads are there.
template <typename T>
const T* Expansion<T>::ReadImage(const ExpandTask<T>& task) const {
  const BottleneckCall& call = task.context.call;
  const int64_t row = call.width * spec_.in_channels;
  const float* image = call.x + task.band.image * call.height * row;
  if constexpr (std::is_same_v<T, float>) {
    return image;
  } else {
    const int64_t top = task.band.begin * spec_.stride_h - spec_.pad_top;
    const int64_t bottom = (task.band.end - 1) * spec_.stride_h - spec_.pad_top + spec_.kernel_h;
    const int64_t begin = std::clamp<int64_t>(top, 0, call.height);
    const int64_t end = std::clamp<int64_t>(bottom, begin, call.height);
    kernel_.narrow(image + begin * row, task.image_rows, (end - begin) * row);
    return task.image_rows - begin * row;
  }
}

template <typename T>
void Expansion<T>::Run(const ExpandTask<T>& task) const {
  const BlockContext& context = task.context;
  const int64_t width = kernel_.panel_width;
  const int64_t row = task.band.image * context.inner.height;
  const int64_t end = context.first.RowBegin(row + task.band.end);
  InnerRows<T> rows;
  const Epilogue<T> out = rows.Rows(context);
  GemmBlock block = {0,
                     task.channel / width,
                     CeilDiv(task.channel + task.channels, width),
                     context.first_bias,
                     task.channel,
                     task.partial};
  const T* const image = task.inputs.data == nullptr ? ReadImage(task) : nullptr;
  for (int64_t at = context.first.RowBegin(row + task.band.begin); at < end; at += block.count) {
    block.count = std::min(rows_, end - at);
    rows.Locate(context, task.expanded, task.coarse, at, block.count);
    if (image != nullptr) {
      RunWindows(task, image, at, block, out);
    } else {
      const Rows<T>& inputs = task.inputs;
      gemm_.Run(block, out, RowSource<T>{inputs.data + at * inputs.step, inputs.step});
    }
  }
}

template <typename T>
void Expansion<T>::RunWindows(const ExpandTask<T>& task, const T* image, int64_t begin,
                              const GemmBlock& block, const Epilogue<T>& out) const {
  const BlockContext& context = task.context;
  Window<T> windows[kBlockRows];
  // One image: no step to the next.
  LocateWindows(spec_, image, 0, context.inner, context.first.plan, begin, block.count, windows);
  gemm_.Run(block, out,
            WindowSource<T, T>{gather_band_, windows, context.call.height, context.call.width,
                               task.gathered});
}

template class Expansion<float>;
template class Expansion<bf16>;

}  // namespace perforated_conv
