#include <cstddef>
#include <iterator>
#include <type_traits>

#include "kernels/declarations.h"

namespace perforated_conv {
namespace {

constexpr Kernel<float> kFloatKernels[] = {
#define PERFORATED_CONV_F32_KERNEL(isa, name, rows, width)                                       \
  {{Isa::isa, rows, width, 1, nullptr, nullptr, Gemm_##name, Gemm_##name, DepthwiseSites_##name, \
    Blend_##name},                                                                               \
   Depthwise_##name,                                                                             \
   DepthwiseRun_##name,                                                                          \
   Dot_##name},
#define PERFORATED_CONV_BF16_KERNEL(...)
#include "kernels/kernels.inc"
};

constexpr Kernel<bf16> kBf16Kernels[] = {
#define PERFORATED_CONV_F32_KERNEL(...)
#define PERFORATED_CONV_BF16_KERNEL(isa, product, name, rows, width, step, enter, leave) \
  {{Isa::isa, rows, width, step, enter, leave, Gemm_##product, GemmToFloat_##product,    \
    DepthwiseSites_##name, Blend_##name},                                                \
   Narrow_##name},
#include "kernels/kernels.inc"
};

template <typename T, size_t n>
constexpr bool EachRowNeedsLessThanTheOneBefore(const Kernel<T> (&rows)[n]) {
  for (size_t i = 1; i < n; ++i) {
    if (rows[i].isa >= rows[i - 1].isa) return false;
  }
  return rows[n - 1].isa == Isa::kPortable;
}

static_assert(
    EachRowNeedsLessThanTheOneBefore(kFloatKernels) &&
        EachRowNeedsLessThanTheOneBefore(kBf16Kernels),
    "kernels.inc: best first, down to kPortable, and one row per level and type: a second "
    "one of a level would never be chosen, so a new row takes the place of the former");

}  // namespace

template <typename T>
KernelTable<T> Kernels() {
  if constexpr (std::is_same_v<T, float>) {
    return {std::begin(kFloatKernels), std::end(kFloatKernels)};
  } else {
    return {std::begin(kBf16Kernels), std::end(kBf16Kernels)};
  }
}

template <typename T>
const Kernel<T>& BestKernel(Isa have) {
  const Kernel<T>* kernel = Kernels<T>().first;
  while (kernel->isa > have) ++kernel;
  return *kernel;
}

template KernelTable<float> Kernels<float>();
template KernelTable<bf16> Kernels<bf16>();
template const Kernel<float>& BestKernel<float>(Isa);
template const Kernel<bf16>& BestKernel<bf16>(Isa);

}  // namespace perforated_conv
