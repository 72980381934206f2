// The shapes of tiles that each instruction set's registers hold. Include it only from *_isa.cc.
#pragma once

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

#if defined(__AVX512F__)
// 24 sums leave registers for a row of the panel and the broadcast, and 12 row pointers fit into the 16
// integer registers. 8 rows of 3 vectors, with fewer loads a multiply-add, measured the same or slower
// everywhere.
inline constexpr int kTileRows = 12;
inline constexpr int kTileVectors = 2;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 6;
inline constexpr int kTileVectors = 2;
#else
inline constexpr int kTileRows = 4;
inline constexpr int kTileVectors = 2;
#endif

}  // namespace whet::kernels::WHET_ISA
