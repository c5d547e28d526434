// Interpolation by the dot product of AVX-512 BF16: two grid pixels are one pair.
#include <immintrin.h>

#include "kernels/declarations.h"

namespace perforated_conv {
namespace {

#include "kernels/avx512_bf16_vec.inc"
#include "kernels/blend_cases.inc"
#include "kernels/epilogue.inc"
#include "kernels/pairs_avx512_bf16.inc"

template <int kPoints, bool kResidual, bool kWhole>
inline void BlendVector(const BlendRow<bf16>& row, const Channels<kWhole>& channels) {
  const auto share = (Vec::Pairs)_mm512_set1_epi16(kPoints == 4 ? 0x3e80 : 0x3f00);  // 1 / kPoints
  Sums sums = {Vec::Set(0.0f), Vec::Set(0.0f)};
  if (kResidual) sums = channels.LoadSums(row.r);
  for (int i = 0; i < kPoints; i += 2) {
    sums.Add(Interleave(channels.Load(row.v[i]), channels.Load(row.v[i + 1])), {share, share});
  }
  channels.Store(row.y, sums.Clamped(row.low, row.high));
}

template <int kPoints, bool kResidual, typename T>
void BlendFixed(const BlendRow<T>& in) {
  const BlendRow<T> row = BlendCopy(in);
  int64_t c = 0;
  for (; c + kChannels <= row.channels; c += kChannels) {
    BlendVector<kPoints, kResidual>(row, Channels<true>{c, kChannels});
  }
  if (c < row.channels) {
    BlendVector<kPoints, kResidual>(row, Channels<false>{c, row.channels - c});
  }
}

}  // namespace

void Blend_bf16_avx512(const BlendRow<bf16>& row) { BlendChannels(row); }

}  // namespace perforated_conv
