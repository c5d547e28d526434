// What the environment may choose, and what an unknown word changes: nothing.
#include "perforated_conv/cpu_features.h"

#include <gtest/gtest.h>

#include <string>

namespace perforated_conv {
namespace {

constexpr Isa kLevels[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16, Isa::kAmx};

TEST(CapIsaTest, NoLevelIsAboveTheNamedOneNorAboveWhatTheCpuHas) {
  for (const Isa have : kLevels) {
    for (const Isa cap : kLevels) {
      EXPECT_EQ(CapIsa(have, IsaName(cap)), cap < have ? cap : have);
    }
  }
}

TEST(CapIsaTest, NothingAndUnknownNamesCapNothing) {
  for (const char* cap : {static_cast<const char*>(nullptr), "", "sse2", "AMX", "avx51"}) {
    EXPECT_EQ(CapIsa(Isa::kAmx, cap), Isa::kAmx);
  }
}

TEST(ChoosePrecisionTest, Bf16WhereItHasInstructions) {
  for (const Isa isa : kLevels) {
    const bool fast = isa >= Isa::kAvx512Bf16;
    for (const char* wish : {static_cast<const char*>(nullptr), "", "float", "F32"}) {
      EXPECT_EQ(ChoosePrecision(isa, wish), fast ? Precision::kBf16 : Precision::kF32);
    }
  }
}

TEST(ChoosePrecisionTest, EveryLevelTakesEitherByWish) {
  for (const Isa isa : kLevels) {
    EXPECT_EQ(ChoosePrecision(isa, "f32"), Precision::kF32);
    EXPECT_EQ(ChoosePrecision(isa, "bf16"), Precision::kBf16);
  }
}

TEST(DetectIsaTest, SaysTheSameEachTime) { EXPECT_EQ(DetectIsa(), DetectIsa()); }

}  // namespace
}  // namespace perforated_conv
