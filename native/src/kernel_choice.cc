#include "perforated_conv/kernel_choice.h"

#include <cstdlib>
#include <mutex>

namespace perforated_conv {
namespace {

// The wish until somebody needs the choice, the choice from then on.
class Choice {
 public:
  bool Wish(const KernelWish& wish) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (settled_) return false;
    wish_ = wish;
    return true;
  }

  KernelChoice Get() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!settled_) settled_ = ChooseKernels(wish_);
    return *settled_;
  }

 private:
  std::mutex mutex_;
  KernelWish wish_;
  std::optional<KernelChoice> settled_;
};

Choice& TheChoice() {
  static Choice choice;
  return choice;
}

}  // namespace

KernelChoice ChooseKernels(const KernelWish& wish) {
  const char* cap = wish.max_isa ? IsaName(*wish.max_isa) : std::getenv("PERFORATED_CONV_MAX_ISA");
  const char* precision =
      wish.precision ? PrecisionName(*wish.precision) : std::getenv("PERFORATED_CONV_PRECISION");
  const Isa isa = CapIsa(DetectIsa(), cap);
  return {isa, ChoosePrecision(isa, precision)};
}

bool WishKernels(const KernelWish& wish) { return TheChoice().Wish(wish); }

KernelChoice UsableKernels() { return TheChoice().Get(); }

}  // namespace perforated_conv

#define PERFORATED_CONV_EXPORT __attribute__((visibility("default")))

extern "C" {

PERFORATED_CONV_EXPORT int PerforatedConvConfigure(const char* max_isa, const char* precision) {
  using namespace perforated_conv;
  const KernelWish wish = {IsaNamed(max_isa), PrecisionNamed(precision)};
  const bool known =
      (max_isa == nullptr || wish.max_isa) && (precision == nullptr || wish.precision);
  if (!known) return PERFORATED_CONV_UNKNOWN_NAME;
  return WishKernels(wish) ? PERFORATED_CONV_HOLDS : PERFORATED_CONV_TOO_LATE;
}

PERFORATED_CONV_EXPORT const char* PerforatedConvIsa() {
  return perforated_conv::IsaName(perforated_conv::UsableIsa());
}

PERFORATED_CONV_EXPORT const char* PerforatedConvPrecision() {
  return perforated_conv::PrecisionName(perforated_conv::UsablePrecision());
}
}
