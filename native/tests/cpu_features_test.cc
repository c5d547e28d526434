// Levels, precisions and their names; an unknown name changes nothing.
#include "perforated_conv/cpu_features.h"

#include <gtest/gtest.h>

#include "levels.h"

namespace perforated_conv {
namespace {

TEST(NamesTest, EveryNameIsThatOfItsLevelOrPrecision) {
  for (const Isa isa : kEveryIsa) EXPECT_EQ(IsaNamed(IsaName(isa)), isa);
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    EXPECT_EQ(PrecisionNamed(PrecisionName(precision)), precision);
  }
}

TEST(NamesTest, OtherNamesAreNone) {
  for (const char* name : {static_cast<const char*>(nullptr), "", "unknown", "F32"}) {
    EXPECT_EQ(IsaNamed(name), std::nullopt);
    EXPECT_EQ(PrecisionNamed(name), std::nullopt);
  }
}

TEST(CapIsaTest, NoLevelIsAboveTheNamedOneNorAboveWhatTheCpuHas) {
  for (const Isa have : kEveryIsa) {
    for (const Isa cap : kEveryIsa) {
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
  for (const Isa isa : kEveryIsa) {
    const bool fast = isa >= Isa::kAvx512Bf16;
    for (const char* wish : {static_cast<const char*>(nullptr), "", "float", "F32"}) {
      EXPECT_EQ(ChoosePrecision(isa, wish), fast ? Precision::kBf16 : Precision::kF32);
    }
  }
}

TEST(ChoosePrecisionTest, EveryLevelTakesEitherByWish) {
  for (const Isa isa : kEveryIsa) {
    EXPECT_EQ(ChoosePrecision(isa, "f32"), Precision::kF32);
    EXPECT_EQ(ChoosePrecision(isa, "bf16"), Precision::kBf16);
  }
}

TEST(DetectIsaTest, SaysTheSameEachTime) { EXPECT_EQ(DetectIsa(), DetectIsa()); }

}  // namespace
}  // namespace perforated_conv
