// How often this program has allocated by operator new, which counted_new.cc replaces.
#pragma once

#include <cstdint>

namespace perforated_conv {

int64_t Allocations();

}  // namespace perforated_conv
