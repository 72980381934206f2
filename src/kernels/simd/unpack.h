// Interleaving bytes and pairs of bytes. Include it only from *_isa.cc.
#pragma once

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

// Within each 128 bits: the elements of a and b in turn, of the lower and of the upper halves.
#if defined(__AVX512F__)
#define WHET_UNPACK(name, bits, half)                                                                 \
  WHET_INLINE I32 name(I32 a, I32 b) {                                                                \
    return reinterpret_cast<I32>(                                                                     \
        _mm512_unpack##half##_epi##bits(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b))); \
  }
#elif defined(__AVX2__)
#define WHET_UNPACK(name, bits, half)                                                                 \
  WHET_INLINE I32 name(I32 a, I32 b) {                                                                \
    return reinterpret_cast<I32>(                                                                     \
        _mm256_unpack##half##_epi##bits(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b))); \
  }
#else
using UnpackBytes = int8_t __attribute__((vector_size(16)));
using UnpackHalves = int16_t __attribute__((vector_size(16)));
#define WHET_UNPACK(name, bits, half) \
  WHET_INLINE I32 name(I32 a, I32 b) { return reinterpret_cast<I32>(Unpack_##half##_##bits(a, b)); }
WHET_INLINE UnpackBytes Unpack_lo_8(I32 a, I32 b) {
  return __builtin_shufflevector(reinterpret_cast<UnpackBytes>(a), reinterpret_cast<UnpackBytes>(b), 0, 16, 1,
                                 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
WHET_INLINE UnpackBytes Unpack_hi_8(I32 a, I32 b) {
  return __builtin_shufflevector(reinterpret_cast<UnpackBytes>(a), reinterpret_cast<UnpackBytes>(b), 8, 24, 9,
                                 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
WHET_INLINE UnpackHalves Unpack_lo_16(I32 a, I32 b) {
  return __builtin_shufflevector(reinterpret_cast<UnpackHalves>(a), reinterpret_cast<UnpackHalves>(b), 0, 8,
                                 1, 9, 2, 10, 3, 11);
}
WHET_INLINE UnpackHalves Unpack_hi_16(I32 a, I32 b) {
  return __builtin_shufflevector(reinterpret_cast<UnpackHalves>(a), reinterpret_cast<UnpackHalves>(b), 4, 12,
                                 5, 13, 6, 14, 7, 15);
}
#endif
WHET_UNPACK(UnpackLow8, 8, lo)
WHET_UNPACK(UnpackHigh8, 8, hi)
WHET_UNPACK(UnpackLow16, 16, lo)
WHET_UNPACK(UnpackHigh16, 16, hi)
#undef WHET_UNPACK

}  // namespace whet::kernels::WHET_ISA
