// What the machine can do at best, measured in the program that reports shares of it.
#pragma once

#include "base/isa.h"

namespace whet::bench {

// Multiply-adds in registers on one core, in floating-point operations (two each) a nanosecond. Measured at
// the first call.
double PeakGflops(Isa isa);
// The same of multiply-adds of integers into 32 bits, by the instructions that the kernels of that
// instruction set have: of bytes where the processor multiplies these, else of pairs of 16-bit integers.
double PeakIntegerGops(Isa isa);

}  // namespace whet::bench
