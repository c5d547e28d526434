#include "kernels/kernel.h"

namespace perforated_conv {
namespace {

constexpr Kernel<float> kKernels[] = {
#define PERFORATED_CONV_KERNEL(isa, name, rows, width) \
  {Isa::isa,                                           \
   rows,                                               \
   width,                                              \
   1,                                                  \
   Gemm_##name,                                        \
   Gemm_##name,                                        \
   Depthwise_##name,                                   \
   DepthwiseRun_##name,                                \
   DepthwiseSites_##name,                              \
   Blend_##name},
#include "kernels/kernels.inc"
#undef PERFORATED_CONV_KERNEL
};

}  // namespace

const Kernel<float>& BestKernel(Isa have) {
  const Kernel<float>* kernel = kKernels;
  while (kernel->isa > have) ++kernel;
  return *kernel;
}

}  // namespace perforated_conv
