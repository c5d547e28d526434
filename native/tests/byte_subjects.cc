// Operators whose output is bytes; in a Subject four of them are one float of y.
#include <memory>

#include "perforated_conv/budget_mask.h"
#include "perforated_conv/gate_mask.h"
#include "perforated_conv/upsampled_labels.h"
#include "subjects.h"

namespace perforated_conv {
namespace {

constexpr int64_t kImages = 3, kHeight = 22, kWidth = 26, kChannels = 37, kClasses = 40;

uint8_t* Bytes(float* y) { return reinterpret_cast<uint8_t*>(y); }

// Budgets are what the residual holds: between -1 and 1.
Subject BudgetMaskSubject() {
  const int64_t pixels = kImages * kHeight * kWidth;
  return {"budget_mask", pixels, 0, pixels / 4, [](const Memory& memory, const Executor& executor) {
            BudgetMaskCall call;
            call.images = kImages;
            call.height = kHeight;
            call.width = kWidth;
            call.coarse_stride = 2;
            call.scores = memory.x;
            call.ratio = memory.residual;
            call.mask = Bytes(memory.y);
            BudgetMask(call, executor);
          }};
}

Subject GateMaskSubject(const Level& level) {
  std::mt19937 random{1};
  GateSpec spec;
  spec.channels = kChannels;
  spec.coarse_stride = 2;
  const Floats weights = RandomFloats(kChannels, random);
  const auto gate = std::make_shared<const GateMask>(spec, weights.data(), level.isa);
  const int64_t pixels = kImages * kHeight * kWidth;
  return {"gate_mask", pixels * kChannels, 0, pixels / 4,
          [gate](const Memory& memory, const Executor& executor) {
            GateMaskCall call;
            call.images = kImages;
            call.height = kHeight;
            call.width = kWidth;
            call.x = memory.x;
            call.ratio = memory.residual;
            call.mask = Bytes(memory.y);
            gate->Run(call, executor);
          }};
}

// A call makes three tables for each of its axes.
Subject UpsampledLabelsSubject() {
  constexpr int64_t kScale = 3;
  const int64_t pixels = kImages * kHeight * kWidth;
  return {"upsampled_labels",
          pixels * kClasses,
          0,
          pixels * kScale * kScale / 4,
          [](const Memory& memory, const Executor& executor) {
            UpsampledLabelsCall call;
            call.images = kImages;
            call.rows = kHeight;
            call.columns = kWidth;
            call.classes = kClasses;
            call.height = kScale * kHeight;
            call.width = kScale * kWidth;
            call.extent_rows = static_cast<double>(kHeight) - 0.5;
            call.extent_columns = static_cast<double>(kWidth);
            call.logits = memory.x;
            call.labels = Bytes(memory.y);
            UpsampledLabels(call, executor);
          },
          /*allocations=*/6};
}

}  // namespace

std::vector<Subject> ByteSubjects(const Level& level) {
  return {BudgetMaskSubject(), GateMaskSubject(level), UpsampledLabelsSubject()};
}

}  // namespace perforated_conv
