// Depthwise convolution by the dot product of AVX-512 BF16: two taps are one pair, so that a vector
// of 32 channels takes two interleavings and two products for two taps and is never widened.
//
// Interleaving works within 16-byte lanes: the first half of the 32 sums belongs to channels 0-3,
// 8-11, 16-19 and 24-27, the second to those between.
#include <immintrin.h>

#include "kernels/declarations.h"

namespace perforated_conv {
namespace {

#include "kernels/avx512_bf16_vec.inc"
#include "kernels/epilogue.inc"
#include "kernels/generic.inc"

constexpr int kChannels = 32;

struct Halves {
  Vec::Pairs low, high;
};

Halves Interleave(__m512i first, __m512i second) {
  // From a register: as an operand in memory it would be loaded by both.
  __asm__("" : "+v"(second));
  return {(Vec::Pairs)_mm512_unpacklo_epi16(first, second),
          (Vec::Pairs)_mm512_unpackhi_epi16(first, second)};
}

struct Sums {
  F low, high;

  void Add(const Halves& x, const Halves& w) {
    low = Vec::MulAdd(x.low, w.low, low);
    high = Vec::MulAdd(x.high, w.high, high);
  }
};

// Channels from c on; of a vector that is not whole, the first n.
template <bool kWhole>
struct Channels {
  int64_t c, n;

  __mmask32 Mask() const { return static_cast<__mmask32>((uint64_t{1} << n) - 1); }
  __m512i Load(const bf16* row) const {
    return kWhole ? _mm512_loadu_si512(row + c) : _mm512_maskz_loadu_epi16(Mask(), row + c);
  }
  Sums LoadSums(const float* row) const {
    const F first = LoadUpTo(row + c, kWhole ? kChannels : n);
    F second = Vec::Set(0.0f);
    if (kWhole || n > Vec::kLanes) {
      second = LoadUpTo(row + c + Vec::kLanes, kWhole ? kChannels : n - Vec::kLanes);
    }
    return {_mm512_shuffle_f32x4(first, second, 0x88), _mm512_shuffle_f32x4(first, second, 0xdd)};
  }
  void Store(bf16* row, const Sums& v) const {
    const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    const __m512i halves = (__m512i)_mm512_cvtne2ps_pbh(v.high, v.low);
    const __m512i rounded = _mm512_permutexvar_epi64(order, halves);
    if (kWhole) {
      _mm512_storeu_si512(row + c, rounded);
    } else {
      _mm512_mask_storeu_epi16(row + c, Mask(), rounded);
    }
  }
};

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
  for (int p = 0; p < kRows; ++p) {
    acc[p].low = Vec::Clamp(acc[p].low, t.low, t.high);
    acc[p].high = Vec::Clamp(acc[p].high, t.low, t.high);
    channels.Store(t.y[i + p], acc[p]);
  }
}

// By value: what lies on the stack is not read again after every store.
template <int kTaps, bool kWhole>
void PairsOfTaps(const DepthwiseSites<bf16> t, const Channels<kWhole> channels) {
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
