#include "conv.h"
#include "fill.h"
#include "scratch.h"

namespace perforated_conv {

size_t Sites::Bytes(int64_t pixels) {
  return Arena::Bytes<Window<float>>(pixels) + 3 * Arena::Bytes<float*>(pixels);
}

Sites Sites::In(Arena& arena, int64_t pixels) {
  Sites sites;
  sites.windows = arena.Take<Window<float>>(pixels);
  sites.y = arena.Take<float*>(pixels);
  sites.r = arena.Take<const float*>(pixels);
  sites.raw = arena.Take<float*>(pixels);
  return sites;
}

void Sites::Locate(const ConvSpec& spec, const CallContext& context, int64_t begin,
                   int64_t count) const {
  const ConvCall& call = context.call;
  const OutMap& map = context.map;
  const int64_t image_floats = call.height * call.width * spec.in_channels;
  PixelCursor at(map, context.plan.Pixel(begin));
  for (int64_t i = 0; i < count; ++i) {
    const int64_t flat = context.plan.Pixel(begin + i);
    at.MoveTo(flat);
    windows[i] = {call.x + at.image() * image_floats, at.y() * spec.stride_h - spec.pad_top,
                  at.x() * spec.stride_w - spec.pad_left};
    y[i] = call.y + flat * spec.out_channels;
    if (call.residual != nullptr) r[i] = call.residual + flat * spec.out_channels;
    if (context.coarse == nullptr) continue;
    const bool on_grid = at.y() % 2 == 0 && at.x() % 2 == 0;
    const int64_t row = at.image() * GridSize(map.height) + at.y() / 2;
    const int64_t cell = row * GridSize(map.width) + at.x() / 2;
    raw[i] = on_grid ? context.coarse + cell * spec.out_channels : nullptr;
  }
}

Epilogue<float> Sites::Rows(const ConvSpec& spec, const CallContext& context) const {
  return {y, context.call.residual == nullptr ? nullptr : r,
          context.coarse == nullptr ? nullptr : raw, Low(spec.activation), High(spec.activation)};
}

}  // namespace perforated_conv
