#include "perforated_conv/budget_mask.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "scratch.h"

namespace perforated_conv {
namespace {

// A number that is smaller for a better score; equal scores (also -0 and 0) get equal numbers.
// Below kMarked for every score.
uint32_t Rank(float score) {
  score = std::isnan(score) ? -std::numeric_limits<float>::infinity() : score + 0.0f;
  uint32_t bits;
  std::memcpy(&bits, &score, sizeof bits);
  return (bits >> 31) != 0 ? bits : ~bits & 0x7fffffffu;
}

// The rank of a pixel that is chosen already.
constexpr uint32_t kMarked = 0xffffffffu;

constexpr int kLowBits = 21;

struct Image {
  const float* scores;
  uint8_t* mask;  // the grid is already marked
  int64_t pixels;
};

// Memory of a selection, a value for each pixel (one more of keys).
struct Workspace {
  uint32_t* ranks;
  uint64_t* keys;
};

// The bin of ranks' highest bits in which the last of the best `wanted` lies; how many of that bin
// are in is left in `wanted`.
uint32_t LastBin(const uint32_t* ranks, int64_t pixels, int64_t& wanted) {
  std::array<int64_t, 1u << (32 - kLowBits)> count{};
  for (int64_t i = 0; i < pixels; ++i) ++count[ranks[i] >> kLowBits];
  uint32_t bin = 0;
  while (wanted > count[bin]) wanted -= count[bin++];
  return bin;
}

// Marks the best `wanted` >= 1 of the unmarked pixels, of which there are at least as many: all of
// better bins, and of the last bin the first by rank and place.
void MarkBest(const Image& image, int64_t wanted, const Workspace& workspace) {
  uint32_t* const ranks = workspace.ranks;
  for (int64_t i = 0; i < image.pixels; ++i) {
    ranks[i] = image.mask[i] != 0 ? kMarked : Rank(image.scores[i]);
  }
  const uint32_t bin = LastBin(ranks, image.pixels, wanted);
  for (int64_t i = 0; i < image.pixels; ++i) image.mask[i] |= ranks[i] >> kLowBits < bin;
  uint64_t* end = workspace.keys;
  for (int64_t i = 0; i < image.pixels; ++i) {
    *end = uint64_t{ranks[i]} << 32 | static_cast<uint64_t>(i);
    end += ranks[i] >> kLowBits == bin;
  }
  if (workspace.keys + wanted < end) {
    std::nth_element(workspace.keys, workspace.keys + wanted, end);
  }
  for (int64_t i = 0; i < wanted; ++i) image.mask[workspace.keys[i] & 0xffffffffu] = 1;
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
  if (k == grid) return;
  ArenaPool::Lease arena(ArenaPool::ForTiles(),
                         Arena::Bytes<uint32_t>(n) + Arena::Bytes<uint64_t>(n + 1));
  const Workspace workspace = {arena->Take<uint32_t>(n), arena->Take<uint64_t>(n + 1)};
  MarkBest(image, k - grid, workspace);
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
