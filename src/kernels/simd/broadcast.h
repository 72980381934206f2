// One float in all lanes, from memory. Include it only from *_isa.cc, like simd.h.
#pragma once

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

WHET_INLINE F32 Broadcast(const float* p) {
#if defined(__AVX512F__)
  return reinterpret_cast<F32>(_mm512_set1_ps(*p));
#elif defined(__AVX2__)
  return reinterpret_cast<F32>(_mm256_broadcast_ss(p));
#else
  F32 v;
  for (int i = 0; i < kLanes; ++i) v[i] = *p;
  return v;
#endif
}

}  // namespace whet::kernels::WHET_ISA
