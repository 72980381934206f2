// The shapes of tiles that each instruction set's registers hold. Include it only from *_isa.cc.
#pragma once

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

#if defined(__AVX512F__)
// 24 sums leave registers for a row of the panel and the broadcast, and 12 row pointers fit into the 16
// integer registers. The wide shape does fewer loads a multiply-add and suits columns that are multiples
// of 48.
inline constexpr int kTallRows = 12;
inline constexpr int kTallVectors = 2;
inline constexpr int kWideRows = 8;
inline constexpr int kWideVectors = 3;
#elif defined(__AVX2__)
inline constexpr int kTallRows = 6;
inline constexpr int kTallVectors = 2;
#else
inline constexpr int kTallRows = 4;
inline constexpr int kTallVectors = 2;
#endif

}  // namespace whet::kernels::WHET_ISA
