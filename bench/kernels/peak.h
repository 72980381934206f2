// What the machine can do at best, measured in the program that reports shares of it.
#pragma once

#include "base/isa.h"

namespace whet::bench {

// Multiply-adds in registers on one core, in floating-point operations (two each) a nanosecond. Measured at
// the first call.
double PeakGflops(Isa isa);

}  // namespace whet::bench
