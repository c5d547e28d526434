#include "plan.h"

namespace perforated_conv {
namespace {

int64_t OutSize(int64_t in, int64_t pads, int64_t kernel, int64_t stride, int64_t dilation) {
  const int64_t last = in + pads - dilation * (kernel - 1) - 1;
  return last < 0 ? 0 : last / stride + 1;
}

// Stores every index and advances only past the chosen: no branch to mispredict.
int32_t* AppendMasked(const uint8_t* mask, int64_t begin, int64_t end, int32_t* out) {
  for (int64_t i = begin; i < end; ++i) {
    *out = static_cast<int32_t>(i);
    out += mask[i] != 0;
  }
  return out;
}

int32_t* AppendMaskedOrEven(const uint8_t* mask, int64_t begin, int64_t end, int32_t* out) {
  for (int64_t i = begin; i < end; ++i) {
    *out = static_cast<int32_t>(i);
    out += mask[i] != 0 || (i - begin) % 2 == 0;
  }
  return out;
}

}  // namespace

int64_t ConvSpec::OutHeight(int64_t height) const {
  return OutSize(height, pad_top + pad_bottom, kernel_h, stride_h, dilation_h);
}

int64_t ConvSpec::OutWidth(int64_t width) const {
  return OutSize(width, pad_left + pad_right, kernel_w, stride_w, dilation_w);
}

bool ConvSpec::IsPointwise() const {
  return kernel_h == 1 && kernel_w == 1 && stride_h == 1 && stride_w == 1 && pad_top == 0 &&
         pad_left == 0 && pad_bottom == 0 && pad_right == 0;
}

int64_t ConvSpec::MacsPerPixel() const {
  return kernel_h * kernel_w * out_channels * (depthwise ? 1 : in_channels);
}

OutMap OutputMap(const ConvSpec& spec, const ConvCall& call) {
  return {call.images, spec.OutHeight(call.height), spec.OutWidth(call.width)};
}

Plan MakePlan(const ConvSpec& spec, const ConvCall& call, const OutMap& map, int32_t* storage) {
  return MakeRowPlan(call.mask, spec.fill == Fill::kInterpolate, map, storage, nullptr).plan;
}

RowPlan MakeRowPlan(const uint8_t* mask, bool grid, const OutMap& map, int32_t* storage,
                    int32_t* rows) {
  if (mask == nullptr) return {{nullptr, map.Pixels()}, map.width, nullptr};
  const int64_t count = map.images * map.height;
  int32_t* end = storage;
  for (int64_t row = 0; row < count; ++row) {
    if (rows != nullptr) rows[row] = static_cast<int32_t>(end - storage);
    const bool on_grid = grid && row % map.height % 2 == 0;
    const auto append = on_grid ? AppendMaskedOrEven : AppendMasked;
    end = append(mask, row * map.width, (row + 1) * map.width, end);
  }
  if (rows != nullptr) rows[count] = static_cast<int32_t>(end - storage);
  return {{storage, end - storage}, map.width, rows};
}

}  // namespace perforated_conv
