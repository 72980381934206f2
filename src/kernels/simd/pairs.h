// Pairs of 16-bit integers in 32-bit lanes: bytes that are widened to them, and their dot products. Include
// it only from
// *_isa.cc files.
#pragma once

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

#if !defined(__AVX2__)
using PairBytes = int8_t __attribute__((vector_size(16)));
using PairHalves = int16_t __attribute__((vector_size(16)));
using PairLongs = int64_t __attribute__((vector_size(16)));
// The lower eight bytes of a and b in turn.
WHET_INLINE PairBytes InterleaveBytes(PairBytes a, PairBytes b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
#endif

// sum + a . b for the pair of 16-bit integers in each lane.
WHET_INLINE I32 DotPairs(I32 sum, I32 a, I32 b) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<I32>(_mm512_dpwssd_epi32(
      reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX512F__)
  return sum +
         reinterpret_cast<I32>(_mm512_madd_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return sum +
         reinterpret_cast<I32>(_mm256_madd_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
  return sum + (a << 16 >> 16) * (b << 16 >> 16) + (a >> 16) * (b >> 16);
#endif
}

// kVectorBytes / 2 bytes as 16-bit integers.
WHET_INLINE I32 LoadSignedPairs(const void* p) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(_mm512_cvtepi8_epi16(_mm256_loadu_si256(static_cast<const __m256i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<I32>(_mm256_cvtepi8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p))));
#else
  // Each byte is put into the upper half of a 16-bit integer and shifted down.
  int64_t eight;
  std::memcpy(&eight, p, sizeof(eight));
  const auto v = reinterpret_cast<PairBytes>(PairLongs{eight, 0});
  return reinterpret_cast<I32>(reinterpret_cast<PairHalves>(InterleaveBytes(v, v)) >> 8);
#endif
}
WHET_INLINE I32 LoadUnsignedPairs(const void* p) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(_mm512_cvtepu8_epi16(_mm256_loadu_si256(static_cast<const __m256i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<I32>(_mm256_cvtepu8_epi16(_mm_loadu_si128(static_cast<const __m128i*>(p))));
#else
  int64_t eight;
  std::memcpy(&eight, p, sizeof(eight));
  const auto v = reinterpret_cast<PairBytes>(PairLongs{eight, 0});
  return reinterpret_cast<I32>(InterleaveBytes(v, PairBytes{}));
#endif
}

}  // namespace whet::kernels::WHET_ISA
