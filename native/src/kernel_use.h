// A thread's use of a kernel: some need the processor in a state of their own.
#pragma once

#include "kernels/kernel.h"

namespace perforated_conv {

template <typename T>
class KernelUse {
 public:
  explicit KernelUse(const Kernel<T>& kernel) : kernel_(kernel) {
    if (kernel_.enter != nullptr) kernel_.enter();
  }
  ~KernelUse() {
    if (kernel_.leave != nullptr) kernel_.leave();
  }
  KernelUse(const KernelUse&) = delete;
  KernelUse& operator=(const KernelUse&) = delete;

 private:
  const Kernel<T>& kernel_;
};

}  // namespace perforated_conv
