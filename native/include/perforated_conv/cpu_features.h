// The instruction sets a kernel may need, which of them this CPU has, and the cap on them.
#pragma once

namespace perforated_conv {

// Ordered: a CPU that has one level has all levels before it.
enum class Isa { kPortable, kAvx2, kAvx512 };

const char* IsaName(Isa isa);

// The best level that this CPU and its operating system support.
Isa DetectIsa();

// DetectIsa(), but not above what the environment variable PERFORATED_CONV_MAX_ISA
// (portable | avx2 | avx512) allows. Read once; an unknown value caps nothing.
Isa UsableIsa();

}  // namespace perforated_conv
