#include "kernels/kernel.h"

namespace perforated_conv {
namespace {

constexpr Kernel kKernels[] = {
#define PERFORATED_CONV_KERNEL(isa, name, rows, width) \
  {Isa::isa, rows, width, Gemm_##name, Depthwise_##name, DepthwiseRun_##name, Blend_##name},
#include "kernels/kernels.inc"
#undef PERFORATED_CONV_KERNEL
};

}  // namespace

const Kernel& BestKernel(Isa have) {
  const Kernel* kernel = kKernels;
  while (kernel->isa > have) ++kernel;
  return *kernel;
}

}  // namespace perforated_conv
