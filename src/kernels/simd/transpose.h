// Transposes a square of kLanes vectors in registers. Include it only from *_isa.cc, like simd.h.
#pragma once

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

// Lane i of vector j becomes lane j of vector i. Each round pairs vector i with the one half of all further
// and interleaves their lanes; after as many rounds as bits number a lane, every lane is where it belongs.
WHET_INLINE void Transpose(F32 (&v)[kLanes]) {
#pragma GCC unroll 4
  for (int round = 1; round < kLanes; round *= 2) {
    F32 next[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = InterleaveLow(v[i], v[i + kLanes / 2]);
      next[2 * i + 1] = InterleaveHigh(v[i], v[i + kLanes / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) v[i] = next[i];
  }
}

}  // namespace whet::kernels::WHET_ISA
