// Output sizes, the list of computed pixels, and the walk over it.
#include "plan.h"

#include <gtest/gtest.h>

#include <vector>

namespace perforated_conv {
namespace {

std::vector<int32_t> Pixels(const ConvSpec& spec, const std::vector<uint8_t>& mask, OutMap map) {
  ConvCall call;
  call.mask = mask.data();
  std::vector<int32_t> storage(mask.size() + 1);
  const Plan plan = MakePlan(spec, call, map, storage.data());
  return {plan.pixels, plan.pixels + plan.count};
}

TEST(OutSizeTest, FollowsTheFormulaAndIsZeroWhereNothingFits) {
  ConvSpec spec;
  spec.kernel_h = 3;
  spec.stride_h = 2;
  spec.dilation_h = 2;
  spec.pad_top = 1;
  EXPECT_EQ(spec.OutHeight(3), 0);
  EXPECT_EQ(spec.OutHeight(4), 1);
  EXPECT_EQ(spec.OutHeight(5), 1);
  EXPECT_EQ(spec.OutHeight(6), 2);
}

TEST(PlanTest, ListsTheMaskInOrder) {
  EXPECT_EQ(Pixels({}, {0, 1, 0, 0, 7, 1}, {1, 2, 3}), (std::vector<int32_t>{1, 4, 5}));
}

TEST(PlanTest, InterpolationAddsTheEvenPixelsOfEachImage) {
  ConvSpec spec;
  spec.fill = Fill::kInterpolate;
  const std::vector<uint8_t> mask(18, 0);  // two images of 3 x 3
  EXPECT_EQ(Pixels(spec, mask, {2, 3, 3}), (std::vector<int32_t>{0, 2, 6, 8, 9, 11, 15, 17}));
}

TEST(PlanTest, NoMaskIsTheIdentity) {
  const Plan plan = MakePlan({}, {}, {2, 3, 4}, nullptr);
  EXPECT_EQ(plan.count, 24);
  EXPECT_EQ(plan.Pixel(17), 17);
}

TEST(PixelCursorTest, AgreesWithDivisionFromAnyStart) {
  const OutMap map = {3, 4, 5};
  for (int64_t start = 0; start < map.Pixels(); ++start) {
    PixelCursor cursor(map, start);
    for (int64_t flat = start; flat < map.Pixels(); flat += 7) {
      cursor.MoveTo(flat);
      EXPECT_EQ(cursor.image(), flat / 20);
      EXPECT_EQ(cursor.y(), flat / 5 % 4);
      EXPECT_EQ(cursor.x(), flat % 5);
    }
  }
}

}  // namespace
}  // namespace perforated_conv
