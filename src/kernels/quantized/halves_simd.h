// 16-bit integers of either sign in and out of 32-bit lanes, where fewer than a vector are left; for
// *_isa.cc files of integer families.
#pragma once

#include "kernels/requantize/requantize_simd.h"

namespace whet::kernels::WHET_ISA {

// The first n lanes, 0 <= n <= kLanes; the others read as zero. T is int16_t or uint16_t.
template <typename T>
WHET_INLINE I32 LoadHalvesPartial(const T* p, int64_t n) {
  T halves[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) halves[i] = p[i];
  return LoadNarrow(halves);
}

// A vector, or what is left of one.
template <typename T>
WHET_INLINE I32 LoadHalves(const T* p, int64_t left) {
  return left >= kLanes ? LoadNarrow(p) : LoadHalvesPartial(p, left);
}
template <typename T>
WHET_INLINE void StoreHalves(T* p, I32 v, int64_t left) {
  if (left >= kLanes) {
    StoreNarrow(p, v);
  } else {
    StoreNarrowPartial(p, v, left);
  }
}

}  // namespace whet::kernels::WHET_ISA
