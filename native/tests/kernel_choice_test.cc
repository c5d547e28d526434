// A host's wish comes before the environment's, and neither changes a choice in use.
#include "perforated_conv/kernel_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "levels.h"

namespace perforated_conv {
namespace {

constexpr char kCap[] = "PERFORATED_CONV_MAX_ISA", kPrecision[] = "PERFORATED_CONV_PRECISION";

// The environment's two variables are the test's, and its own again afterwards.
class KernelChoiceTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {kCap, kPrecision}) {
      const char* value = std::getenv(name);
      before_.push_back(value == nullptr ? std::nullopt : std::optional<std::string>(value));
      unsetenv(name);
    }
  }
  void TearDown() override {
    Restore(kCap, before_[0]);
    Restore(kPrecision, before_[1]);
  }

 private:
  static void Restore(const char* name, const std::optional<std::string>& value) {
    value ? setenv(name, value->c_str(), 1) : unsetenv(name);
  }

  std::vector<std::optional<std::string>> before_;
};

TEST_F(KernelChoiceTest, WithoutAWishTheEnvironmentDecides) {
  EXPECT_EQ(ChooseKernels({}).isa, DetectIsa());
  setenv(kCap, "portable", 1);
  setenv(kPrecision, "bf16", 1);
  EXPECT_EQ(ChooseKernels({}).isa, Isa::kPortable);
  EXPECT_EQ(ChooseKernels({}).precision, Precision::kBf16);
}

TEST_F(KernelChoiceTest, AWishComesBeforeTheEnvironment) {
  setenv(kCap, "portable", 1);
  setenv(kPrecision, "bf16", 1);
  const KernelChoice choice = ChooseKernels({Isa::kAmx, Precision::kF32});
  EXPECT_EQ(choice.isa, DetectIsa());
  EXPECT_EQ(choice.precision, Precision::kF32);
}

TEST_F(KernelChoiceTest, AWishForOneLeavesTheOtherToTheEnvironment) {
  setenv(kCap, "portable", 1);
  setenv(kPrecision, "bf16", 1);
  const KernelChoice choice = ChooseKernels({std::nullopt, Precision::kF32});
  EXPECT_EQ(choice.isa, Isa::kPortable);
  EXPECT_EQ(choice.precision, Precision::kF32);
}

TEST_F(KernelChoiceTest, PrecisionFollowsTheCappedLevel) {
  EXPECT_EQ(ChooseKernels({Isa::kPortable, std::nullopt}).precision, Precision::kF32);
}

TEST_F(KernelChoiceTest, NoLevelIsAboveTheCpu) {
  for (const Isa isa : kEveryIsa) {
    EXPECT_EQ(ChooseKernels({isa, std::nullopt}).isa, std::min(isa, DetectIsa()));
  }
}

TEST_F(KernelChoiceTest, AChoiceInUseIsSettled) {
  const KernelChoice used = UsableKernels();
  for (const Isa isa : kEveryIsa) {
    EXPECT_FALSE(WishKernels({isa, Precision::kBf16}));
    EXPECT_EQ(PerforatedConvConfigure(IsaName(isa), nullptr), PERFORATED_CONV_TOO_LATE);
  }
  EXPECT_EQ(UsableIsa(), used.isa);
  EXPECT_EQ(UsablePrecision(), used.precision);
}

TEST_F(KernelChoiceTest, UnknownNamesAreRefused) {
  for (const char* name : {"", "sse2", "AMX", "f16"}) {
    EXPECT_EQ(PerforatedConvConfigure(name, nullptr), PERFORATED_CONV_UNKNOWN_NAME);
    EXPECT_EQ(PerforatedConvConfigure(nullptr, name), PERFORATED_CONV_UNKNOWN_NAME);
  }
}

TEST_F(KernelChoiceTest, TheNamesInUseAreThoseOfTheChoice) {
  EXPECT_STREQ(PerforatedConvIsa(), IsaName(UsableIsa()));
  EXPECT_STREQ(PerforatedConvPrecision(), PrecisionName(UsablePrecision()));
}

}  // namespace
}  // namespace perforated_conv
