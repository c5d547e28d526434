#include "runs.h"

#include <algorithm>

namespace perforated_conv {
namespace {

int64_t FloorDiv(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

// Indices along an output axis whose taps are all inside: [first, end).
struct Inside {
  int64_t first, end;

  Inside(int64_t in, int64_t pad, int64_t reach, int64_t stride)
      : first((pad + stride - 1) / stride), end(FloorDiv(in - 1 - reach + pad, stride) + 1) {}

  bool Has(int64_t i) const { return i >= first && i < end; }
};

int64_t Length(const Plan& plan, int64_t begin, int64_t most) {
  if (plan.pixels == nullptr) return most;
  const int32_t* at = plan.pixels + begin;
  int64_t length = 1;
  while (length < most && at[length] == at[0] + length) ++length;
  return length;
}

}  // namespace

PixelRun NextRun(const ConvSpec& spec, const CallContext& context, int64_t begin, int64_t end,
                 int64_t least) {
  if (begin >= end) return {end, end, 0, nullptr};
  const ConvCall& call = context.call;
  const Inside rows(call.height, spec.pad_top, (spec.kernel_h - 1) * spec.dilation_h,
                    spec.stride_h);
  const Inside columns(call.width, spec.pad_left, (spec.kernel_w - 1) * spec.dilation_w,
                       spec.stride_w);
  PixelCursor at(context.out.map, context.plan.Pixel(begin));
  for (int64_t length; begin < end; begin += length) {
    const int64_t pixel = context.plan.Pixel(begin);
    at.MoveTo(pixel);
    length = 1;
    if (!rows.Has(at.y()) || !columns.Has(at.x())) continue;
    length = Length(context.plan, begin, std::min(end - begin, columns.end - at.x()));
    if (length < least) continue;
    const int64_t y = at.image() * call.height + at.y() * spec.stride_h - spec.pad_top;
    const int64_t x = at.x() * spec.stride_w - spec.pad_left;
    return {begin, begin + length, pixel, call.x + (y * call.width + x) * spec.in_channels};
  }
  return {end, end, 0, nullptr};
}

}  // namespace perforated_conv
