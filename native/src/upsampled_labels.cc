// Between four logit pixels every interpolated logit is a convex combination of theirs. So a class
// that is beaten by another one at all four is beaten by it everywhere between them: where one
// class wins at all four corners of a square it wins in the whole square, without any arithmetic,
// and elsewhere a few candidates are left of all classes. Rounding keeps the order of two classes
// too, as it is monotone (it may only make them equal), so this leaves out no winner.
#include "perforated_conv/upsampled_labels.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "chunks.h"

namespace perforated_conv {
namespace {

// Labels decided at once: their best logits and classes stay in the first cache.
constexpr int64_t kBlock = 64;

// Where labels lie along one axis: `weight` of the way from pixel `low` to the next one.
struct Axis {
  std::vector<int64_t> low;
  std::vector<float> weight;
  std::vector<int64_t> first;  // labels [first[i], first[i + 1]) have low = i

  Axis(int64_t pixels, int64_t labels, double extent)
      : low(static_cast<size_t>(labels)),
        weight(static_cast<size_t>(labels)),
        first(static_cast<size_t>(pixels) + 1, labels) {
    const double scale = extent / static_cast<double>(labels);
    const auto last = static_cast<double>(pixels - 1);
    for (int64_t i = labels - 1; i >= 0; --i) {
      const double at = std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0, last);
      low[i] = static_cast<int64_t>(at);
      weight[i] = static_cast<float>(at - static_cast<double>(low[i]));
      first[low[i]] = i;
    }
    for (int64_t i = pixels - 1; i >= 0; --i) first[i] = std::min(first[i], first[i + 1]);
  }
};

// Four neighbouring logit pixels, row by row, and the class that wins at each.
struct Square {
  const float* corner[4];
  int winner[4];

  bool HasOneWinner() const {
    return winner[0] == winner[1] && winner[0] == winner[2] && winner[0] == winner[3];
  }
};

// A rectangle of labels that lie in one square.
struct Region {
  int64_t top, bottom, left, right;
};

struct Candidates {
  int count = 0;
  uint8_t label[kMostClasses];
};

int Winner(const float* logits, int64_t classes) {
  return static_cast<int>(std::max_element(logits, logits + classes) - logits);
}

// Marks the classes that `winner` beats at all four corners; where two are equal the lower one
// wins.
void MarkBeaten(const Square& square, int winner, int classes, int* beaten) {
  const auto [a, b, c, d] = square.corner;
  const float best[4] = {a[winner], b[winner], c[winner], d[winner]};
  for (int i = 0; i < classes; ++i) {
    const int below = (a[i] < best[0]) & (b[i] < best[1]) & (c[i] < best[2]) & (d[i] < best[3]);
    const int above = (a[i] > best[0]) | (b[i] > best[1]) | (c[i] > best[2]) | (d[i] > best[3]);
    beaten[i] |= below | ((above ^ 1) & (i > winner));
  }
}

// The classes that can win somewhere in the square, ascending; the lowest of its winners at least.
Candidates FindCandidates(const Square& square, int64_t classes) {
  int beaten[kMostClasses] = {};
  for (int i = 0; i < 4; ++i) {
    const int* const seen = std::find(square.winner, square.winner + i, square.winner[i]);
    if (seen == square.winner + i) {
      MarkBeaten(square, square.winner[i], static_cast<int>(classes), beaten);
    }
  }
  Candidates found;
  for (int i = 0; i < classes; ++i) {
    if (beaten[i] == 0) found.label[found.count++] = static_cast<uint8_t>(i);
  }
  return found;
}

// The candidates' logits at both ends of a row of labels within a square.
struct Ends {
  float left[kMostClasses], right[kMostClasses];

  Ends(const Square& square, const Candidates& candidates, float down) {
    const auto [nw, ne, sw, se] = square.corner;
    for (int k = 0; k < candidates.count; ++k) {
      const int i = candidates.label[k];
      left[k] = (1.0f - down) * nw[i] + down * sw[i];
      right[k] = (1.0f - down) * ne[i] + down * se[i];
    }
  }
};

void DecideBlock(const Ends& ends, const Candidates& candidates, const float* across, int64_t n,
                 uint8_t* labels) {
  float best[kBlock];
  int32_t chosen[kBlock];
  for (int64_t x = 0; x < n; ++x) {
    best[x] = (1.0f - across[x]) * ends.left[0] + across[x] * ends.right[0];
    chosen[x] = candidates.label[0];
  }
  for (int k = 1; k < candidates.count; ++k) {
    const float left = ends.left[k], right = ends.right[k];
    const int32_t label = candidates.label[k];
    for (int64_t x = 0; x < n; ++x) {
      const float logit = (1.0f - across[x]) * left + across[x] * right;
      chosen[x] = logit > best[x] ? label : chosen[x];
      best[x] = logit > best[x] ? logit : best[x];
    }
  }
  for (int64_t x = 0; x < n; ++x) labels[x] = static_cast<uint8_t>(chosen[x]);
}

class Upsampling {
 public:
  explicit Upsampling(const UpsampledLabelsCall& call)
      : call_(call),
        y_(call.rows, call.height, call.extent_rows),
        x_(call.columns, call.width, call.extent_columns) {}

  // Labels of the rows [top, bottom) of an image.
  void Run(int64_t image, int64_t top, int64_t bottom) const {
    while (top < bottom) {
      const int64_t row = y_.low[top];
      const int64_t end = std::min(bottom, y_.first[row + 1]);
      RunBetweenRows(image, row, top, end);
      top = end;
    }
  }

 private:
  // Labels of the rows [top, bottom), which all lie between the logit rows `row` and `row` + 1.
  void RunBetweenRows(int64_t image, int64_t row, int64_t top, int64_t bottom) const {
    const float* upper = call_.logits + (image * call_.rows + row) * call_.columns * call_.classes;
    const float* lower = row + 1 < call_.rows ? upper + call_.columns * call_.classes : upper;
    uint8_t* labels = call_.labels + image * call_.height * call_.width;
    Square square = {};
    Advance(square, upper, lower, 0);
    for (int64_t column = 0; column < call_.columns; ++column) {
      Advance(square, upper, lower, std::min(column + 1, call_.columns - 1));
      const Region region = {top, bottom, x_.first[column], x_.first[column + 1]};
      if (region.left < region.right) Decide(square, region, labels);
    }
  }

  // The square's right side becomes its left one; the right one is at `column`.
  void Advance(Square& square, const float* upper, const float* lower, int64_t column) const {
    const float* const right[2] = {upper + column * call_.classes, lower + column * call_.classes};
    for (int i = 0; i < 2; ++i) {
      square.corner[2 * i] = square.corner[2 * i + 1];
      square.winner[2 * i] = square.winner[2 * i + 1];
      square.corner[2 * i + 1] = right[i];
      square.winner[2 * i + 1] = Winner(right[i], call_.classes);
    }
  }

  void Decide(const Square& square, const Region& region, uint8_t* labels) const {
    const auto width = static_cast<size_t>(region.right - region.left);
    if (square.HasOneWinner()) {
      for (int64_t y = region.top; y < region.bottom; ++y) {
        std::memset(labels + y * call_.width + region.left, square.winner[0], width);
      }
      return;
    }
    const Candidates candidates = FindCandidates(square, call_.classes);
    for (int64_t y = region.top; y < region.bottom; ++y) {
      const Ends ends(square, candidates, y_.weight[y]);
      for (int64_t x = region.left; x < region.right; x += kBlock) {
        DecideBlock(ends, candidates, &x_.weight[x], std::min(kBlock, region.right - x),
                    labels + y * call_.width + x);
      }
    }
  }

  const UpsampledLabelsCall& call_;
  const Axis y_, x_;
};

}  // namespace

void UpsampledLabels(const UpsampledLabelsCall& call, const Executor& executor) {
  const Upsampling upsampling(call);
  // Enough for any pool; winners and candidates of a row of squares are found once per band.
  constexpr int64_t kBands = 64;
  const Chunks bands = {call.height, CeilDiv(call.height, kBands)};
  auto band = [&](int64_t i) {
    const int64_t at = i % bands.Count();
    upsampling.Run(i / bands.Count(), bands.Begin(at), bands.End(at));
  };
  ForEachItem(call.images * bands.Count(), executor, band);
}

}  // namespace perforated_conv
