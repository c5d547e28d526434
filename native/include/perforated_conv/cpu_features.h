// The instruction sets a kernel may need, which of them this CPU has, and the cap on them; and in
// what precision maps are kept between layers.
#pragma once

#include <optional>

namespace perforated_conv {

// Ordered: a CPU that has one level has all levels before it.
enum class Isa { kPortable, kAvx2, kAvx512, kAvx512Bf16, kAmx };
constexpr Isa kEveryIsa[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16, Isa::kAmx};

// portable, avx2, avx512, avx512_bf16 or amx.
const char* IsaName(Isa isa);

// Nothing if `name` is null or none of those names.
std::optional<Isa> IsaNamed(const char* name);

// The best level that this CPU and its operating system support.
Isa DetectIsa();

// `have`, but not above the level that `cap` names; null or an unknown name caps nothing.
Isa CapIsa(Isa have, const char* cap);

// Of maps and weights between layers. Sums, biases and residuals are always float.
enum class Precision { kF32, kBf16 };

// f32 or bf16.
const char* PrecisionName(Precision precision);

// Nothing if `name` is null or neither of those names.
std::optional<Precision> PrecisionNamed(const char* name);

// The precision that `wish` names. Without a wish, or with an unknown one, bf16 where it has
// instructions of its own.
Precision ChoosePrecision(Isa usable, const char* wish);

}  // namespace perforated_conv
