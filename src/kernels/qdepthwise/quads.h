// Dot products of bytes in fours. Include it only from *_dot_isa.cc files.
#pragma once

#include "kernels/simd/unpack.h"

#if defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

namespace whet::kernels::WHET_ISA {

inline constexpr int kQuad = 4;

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
