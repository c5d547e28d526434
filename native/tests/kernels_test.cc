// Each gemm of the kernel table against plain loops, and the choice among the table's rows.
#include "gemm_case.h"

namespace perforated_conv {
namespace {

using FloatGemmTest = KernelTest<float>;
using Bf16GemmTest = KernelTest<bf16>;

TEST_P(FloatGemmTest, EveryTileSizePanelWidthAndChannelCount) { CheckGemms(kernel(), random); }
TEST_P(Bf16GemmTest, EveryTileSizePanelWidthAndChannelCount) { CheckGemms(kernel(), random); }
TEST_P(FloatGemmTest, ClampKeepsNan) { CheckGemmKeepsNan(kernel(), random); }
TEST_P(Bf16GemmTest, ClampKeepsNan) { CheckGemmKeepsNan(kernel(), random); }

INSTANTIATE_TEST_SUITE_P(Table, FloatGemmTest, TableRows<float>(), RowName<float>);
INSTANTIATE_TEST_SUITE_P(Table, Bf16GemmTest, TableRows<bf16>(), RowName<bf16>);

template <typename T>
void CheckTable() {
  for (const Kernel<T>* kernel = Kernels<T>().first; kernel != Kernels<T>().last; ++kernel) {
    EXPECT_EQ(BestKernel<T>(kernel->isa).isa, kernel->isa);
    EXPECT_EQ(64 % kernel->panel_width, 0) << "callers pad the bias to 64 channels";
    EXPECT_LE(kernel->tile_rows, 32);
    EXPECT_EQ(kDepthBlock % kernel->depth_step, 0);
    EXPECT_EQ(kernel->enter == nullptr, kernel->leave == nullptr);
  }
}

TEST(KernelTableTest, EveryRowIsTheBestOfItsLevelAndFitsItsCallers) {
  CheckTable<float>();
  CheckTable<bf16>();
}

TEST(KernelTableTest, PortableKernelsServeEveryLevel) {
  EXPECT_EQ(BestKernel<float>(Isa::kPortable).isa, Isa::kPortable);
  EXPECT_EQ(BestKernel<bf16>(Isa::kPortable).isa, Isa::kPortable);
  EXPECT_LE(BestKernel<bf16>(Isa::kAvx512).isa, Isa::kAvx512);
}

}  // namespace
}  // namespace perforated_conv
