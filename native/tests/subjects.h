// The operators of the library behind one interface, for tests of memory and threads.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "levels.h"
#include "perforated_conv/perforated_conv.h"
#include "reference.h"

namespace perforated_conv {

// Memory of one call: y is written, the rest read.
struct Memory {
  const float* x;
  const uint8_t* mask;
  const float* residual;
  float* y;
};

// One operator with its weights; run may be called from any number of threads at once.
struct Subject {
  std::string name;
  int64_t x_floats, mask_bytes, y_floats;
  std::function<void(const Memory&, const Executor&)> run;
  int64_t allocations = 0;  // of a warm call
};

struct Level {
  Isa isa;
  Precision precision;
};

// Every level of this CPU, in both precisions.
std::vector<Level> LevelsHere();

inline std::string LevelName(const Level& level) { return LevelName(level.isa, level.precision); }

// Each operator in a few forms, of several chunks of work each: those of convolutions, and those
// whose output is bytes. A new operator joins one of them.
std::vector<Subject> MapSubjects(const Level& level);
std::vector<Subject> ByteSubjects(const Level& level);
std::vector<Subject> Subjects(const Level& level);

struct Inputs {
  Floats x, residual;
  std::vector<uint8_t> mask;
};

Inputs RandomInputs(const Subject& subject, double density, unsigned seed);

// y, of which nothing was known before.
Floats Compute(const Subject& subject, const Inputs& inputs, const Executor& executor);

}  // namespace perforated_conv
