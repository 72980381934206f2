// Bytes in fours: interleaving them, and their dot products. Include it only from *_dot_isa.cc files.
#pragma once

#include "kernels/simd/simd.h"

#if defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

namespace whet::kernels::WHET_ISA {

inline constexpr int kQuad = 4;

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
using QuadBytes = int8_t __attribute__((vector_size(16)));
using QuadHalves = int16_t __attribute__((vector_size(16)));
#define WHET_UNPACK(name, bits, half) \
  WHET_INLINE I32 name(I32 a, I32 b) { return reinterpret_cast<I32>(Unpack_##half##_##bits(a, b)); }
WHET_INLINE QuadBytes Unpack_lo_8(I32 a, I32 b) {
  return __builtin_shufflevector(reinterpret_cast<QuadBytes>(a), reinterpret_cast<QuadBytes>(b), 0, 16, 1, 17,
                                 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
WHET_INLINE QuadBytes Unpack_hi_8(I32 a, I32 b) {
  return __builtin_shufflevector(reinterpret_cast<QuadBytes>(a), reinterpret_cast<QuadBytes>(b), 8, 24, 9, 25,
                                 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
WHET_INLINE QuadHalves Unpack_lo_16(I32 a, I32 b) {
  return __builtin_shufflevector(reinterpret_cast<QuadHalves>(a), reinterpret_cast<QuadHalves>(b), 0, 8, 1, 9,
                                 2, 10, 3, 11);
}
WHET_INLINE QuadHalves Unpack_hi_16(I32 a, I32 b) {
  return __builtin_shufflevector(reinterpret_cast<QuadHalves>(a), reinterpret_cast<QuadHalves>(b), 4, 12, 5,
                                 13, 6, 14, 7, 15);
}
#endif
WHET_UNPACK(UnpackLow8, 8, lo)
WHET_UNPACK(UnpackHigh8, 8, hi)
WHET_UNPACK(UnpackLow16, 16, lo)
WHET_UNPACK(UnpackHigh16, 16, hi)
#undef WHET_UNPACK

// sum + a . b for the four bytes in each lane; b has signs, and on Arm a has them, too. With AVX2 and with
// AVX-512 without VNNI, products are added up in pairs in 16 bits first, which is exact only for a b of which
// the positive and the negative bytes of a pair each add up to 128 at most.
WHET_INLINE I32 DotQuads(I32 sum, I32 a, I32 b) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<I32>(_mm512_dpbusd_epi32(
      reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX512F__)
  const __m512i pairs = _mm512_maddubs_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b));
  return sum + reinterpret_cast<I32>(_mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
#elif defined(__AVX2__)
  const __m256i pairs = _mm256_maddubs_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b));
  return sum + reinterpret_cast<I32>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
#elif defined(__ARM_FEATURE_DOTPROD)
  return reinterpret_cast<I32>(vdotq_s32(reinterpret_cast<int32x4_t>(sum), reinterpret_cast<int8x16_t>(a),
                                         reinterpret_cast<int8x16_t>(b)));
#else
  return sum + (a & 255) * (b << 24 >> 24) + (a >> 8 & 255) * (b << 16 >> 24) +
         (a >> 16 & 255) * (b << 8 >> 24) + (a >> 24 & 255) * (b >> 24);
#endif
}

}  // namespace whet::kernels::WHET_ISA
