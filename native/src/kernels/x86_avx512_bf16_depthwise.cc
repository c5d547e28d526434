// Depthwise convolution by the dot product of AVX-512 BF16: two taps are one pair, so that 32
// channels take two interleavings and two products for two taps.
#include <immintrin.h>

#include "kernels/declarations.h"

namespace perforated_conv {
namespace {

#include "kernels/avx512_bf16_vec.inc"
#include "kernels/epilogue.inc"
#include "kernels/generic.inc"
#include "kernels/pairs_avx512_bf16.inc"

// kRows pixels from i on. After an odd number of taps comes one of zeros.
template <int kRows, int kTaps, bool kWhole, int kPairs>
inline void PairTile(const DepthwiseSites<bf16>& t, const Channels<kWhole>& channels,
                     const Halves (&w)[kPairs], const Sums& bias, int64_t i) {
  Sums acc[kRows];
#pragma GCC unroll 4
  for (int p = 0; p < kRows; ++p) acc[p] = bias;
#pragma GCC unroll 13
  for (int pair = 0; pair < kPairs; ++pair) {
    const int64_t first = t.offsets[2 * pair];
    const int64_t second = 2 * pair + 1 < kTaps ? t.offsets[2 * pair + 1] : 0;
#pragma GCC unroll 4
    for (int p = 0; p < kRows; ++p) {
      const bf16* x = t.x[i + p];
      const __m512i zero = _mm512_setzero_si512();
      acc[p].Add(Interleave(channels.Load(x + first),
                            2 * pair + 1 < kTaps ? channels.Load(x + second) : zero),
                 w[pair]);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kRows; ++p) channels.Store(t.y[i + p], acc[p].Clamped(t.low, t.high));
}

template <int kTaps, bool kWhole>
void PairsOfTaps(const DepthwiseSites<bf16>& in, const Channels<kWhole> channels) {
  const DepthwiseSites<bf16> t = SitesCopy(in);
  constexpr int kPairs = (kTaps + 1) / 2;
  Halves w[kPairs];
#pragma GCC unroll 13
  for (int pair = 0; pair < kPairs; ++pair) {
    const bf16* row = t.w + 2 * pair * t.w_step;
    const __m512i zero = _mm512_setzero_si512();
    w[pair] =
        Interleave(channels.Load(row), 2 * pair + 1 < kTaps ? channels.Load(row + t.w_step) : zero);
  }
  const Sums bias = channels.LoadSums(t.bias);
  int64_t i = 0;
  for (; i + 4 <= t.rows; i += 4) PairTile<4, kTaps>(t, channels, w, bias, i);
  for (; i < t.rows; ++i) PairTile<1, kTaps>(t, channels, w, bias, i);
}

template <int kTaps>
void PairsOfChannels(const DepthwiseSites<bf16>& t) {
  int64_t c = 0;
  for (; c + kChannels <= t.channels; c += kChannels) {
    PairsOfTaps<kTaps>(t, Channels<true>{c, kChannels});
  }
  if (c < t.channels) PairsOfTaps<kTaps>(t, Channels<false>{c, t.channels - c});
}

}  // namespace

void DepthwiseSites_bf16_avx512(const DepthwiseSites<bf16>& sites) {
  if (sites.taps == 9) return PairsOfChannels<9>(sites);
  if (sites.taps == 25) return PairsOfChannels<25>(sites);
  SitesChannels(sites);
}

}  // namespace perforated_conv
