#include "perforated_conv/budget_mask.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace perforated_conv {
namespace {

// A number that is smaller for a better score; equal scores (also -0 and 0) get equal numbers.
uint32_t Rank(float score) {
  if (std::isnan(score)) score = -std::numeric_limits<float>::infinity();
  score += 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &score, sizeof bits);
  return (bits >> 31) != 0 ? bits : ~bits & 0x7fffffffu;
}

struct Image {
  const float* scores;
  uint8_t* mask;  // the grid is already marked
  int64_t pixels;
};

// What the search knows of the worst rank that is still in: the bits of `known` are `prefix`, and
// of the pixels that have them, in order, `left` are in.
struct Threshold {
  uint32_t prefix = 0, known = 0;
  int64_t left = 0;
};

// Settles the next bits [shift, shift + 11) by counting.
void Refine(const Image& image, int shift, Threshold& threshold) {
  constexpr uint32_t kBins = 1u << 11;
  std::array<int64_t, kBins> count{};
  for (int64_t i = 0; i < image.pixels; ++i) {
    const uint32_t rank = Rank(image.scores[i]);
    if (image.mask[i] != 0 || (rank & threshold.known) != threshold.prefix) continue;
    ++count[(rank >> shift) & (kBins - 1)];
  }
  uint32_t bin = 0;
  while (threshold.left > count[bin]) threshold.left -= count[bin++];
  threshold.prefix |= bin << shift;
  threshold.known |= (kBins - 1) << shift;
}

// Marks the best `wanted` >= 1 of the unmarked pixels, of which there are at least as many.
void MarkBest(const Image& image, int64_t wanted) {
  Threshold threshold;
  threshold.left = wanted;
  // 11 + 11 + 10 bits; the last step counts the lowest bit of the second once more, settled.
  for (int shift : {21, 10, 0}) Refine(image, shift, threshold);
  for (int64_t i = 0; i < image.pixels; ++i) {
    const uint32_t rank = Rank(image.scores[i]);
    if (image.mask[i] != 0 || rank > threshold.prefix) continue;
    if (rank == threshold.prefix && threshold.left-- <= 0) continue;
    image.mask[i] = 1;
  }
}

void MarkGrid(const BudgetMaskCall& call, uint8_t* mask) {
  for (int64_t y = 0; y < call.height; y += call.coarse_stride) {
    for (int64_t x = 0; x < call.width; x += call.coarse_stride) mask[y * call.width + x] = 1;
  }
}

void MaskImage(const BudgetMaskCall& call, int64_t index) {
  const int64_t n = call.height * call.width;
  if (n == 0) return;  // an empty map may have no memory
  const Image image = {call.scores + index * n, call.mask + index * n, n};
  const int64_t grid = GridPixels(call.height, call.width, call.coarse_stride);
  const int64_t k = BudgetPixels(call.ratio[index], n, grid);
  std::memset(image.mask, k == n, static_cast<size_t>(n));
  if (k == n) return;
  if (grid > 0) MarkGrid(call, image.mask);
  if (k > grid) MarkBest(image, k - grid);
}

}  // namespace

int64_t GridPixels(int64_t height, int64_t width, int64_t coarse_stride) {
  if (coarse_stride <= 0) return 0;
  const auto size = [coarse_stride](int64_t n) { return (n + coarse_stride - 1) / coarse_stride; };
  return size(height) * size(width);
}

int64_t BudgetPixels(float ratio, int64_t n, int64_t grid) {
  const float product = ratio * static_cast<float>(n);
  if (!(product > 0.0f)) return grid;
  if (product >= 0x1p62f) return n;
  return std::min(n, std::max(static_cast<int64_t>(std::floor(product)), grid));
}

void BudgetMask(const BudgetMaskCall& call, const Executor& executor) {
  auto image = [&call](int64_t index) { MaskImage(call, index); };
  executor.ForEach(call.images, image);
}

}  // namespace perforated_conv
