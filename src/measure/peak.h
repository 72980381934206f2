// What the processor could do at most, measured: the ceiling that kernels are held against.
#pragma once

#include "base/isa.h"
#include "base/status.h"

namespace whet {

// f32 GFLOP/s of dependent-free multiply-adds that touch no memory, on `threads` threads at once with the
// vectors of `isa`; the best of a few tries of some milliseconds each. `isa` must be supported.
Result<double> MeasurePeakGflops(Isa isa, int threads);

}  // namespace whet
