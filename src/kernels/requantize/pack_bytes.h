// Many real numbers at once to steps of an 8-bit tensor, as base/requantize.h says: what ToSteps of
// requantize_simd.h gives, with fewer instructions, since the packing instructions saturate. Include it only
// from *_isa.cc files of integer families, for instruction sets with vectors of 32 bytes or more.
//
// The clamp is left to the end: bounds are whole numbers, so it may follow the rounding; what is too low for
// 32 bits, or not a number, converts to the lowest of them; only what is too high must be held back before.
#pragma once

#include "kernels/requantize/requantize_simd.h"

#if defined(__AVX2__)
namespace whet::kernels::WHET_ISA {

#if defined(__AVX512F__)
#define WHET_WIDE(name) _mm512_##name
using Wide = __m512i;
#else
#define WHET_WIDE(name) _mm256_##name
using Wide = __m256i;
#endif

// Unsigned steps are made as signed ones that are 128 less, and get their highest bit turned at the end: so
// one code serves both.
struct PackedSteps {
  PackedSteps(bool is_signed, int32_t zero_point, int32_t lowest, int32_t highest)
      : zero(WHET_WIDE(set1_epi16)(static_cast<int16_t>(zero_point - (is_signed ? 0 : 128)))),
        low(WHET_WIDE(set1_epi8)(static_cast<char>(lowest - (is_signed ? 0 : 128)))),
        high(WHET_WIDE(set1_epi8)(static_cast<char>(highest - (is_signed ? 0 : 128)))),
        flip(WHET_WIDE(set1_epi8)(static_cast<char>(is_signed ? 0 : 128))) {}

  WHET_INLINE Wide Halves(F32 a, F32 b) {
    // Beyond what 16 bits hold everything ends at the bound; the number that may be none stands second.
    const F32 top = Set1(32767.0f);
    return WHET_WIDE(packs_epi32)(reinterpret_cast<Wide>(RoundToI32(Min(top, a))),
                                  reinterpret_cast<Wide>(RoundToI32(Min(top, b))));
  }
  // The steps in turn within each 128 bits: four of a, four of b, four of c, four of d.
  WHET_INLINE Wide Pack(const PackedSteps& steps, F32 a, F32 b, F32 c, F32 d) {
    const Wide ab = WHET_WIDE(adds_epi16)(Halves(a, b), steps.zero);
    const Wide cd = WHET_WIDE(adds_epi16)(Halves(c, d), steps.zero);
    const Wide bytes = WHET_WIDE(packs_epi16)(ab, cd);
    return WHET_WIDE(min_epi8)(WHET_WIDE(max_epi8)(bytes, steps.low), steps.high) ^ steps.flip;
  }
  // The steps of a, then of b, c, d.
  WHET_INLINE Wide PackInOrder(const PackedSteps& steps, F32 a, F32 b, F32 c, F32 d) {
    const Wide in_turn = Pack(steps, a, b, c, d);
#if defined(__AVX512F__)
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
                                    in_turn);
#else
    return _mm256_permutevar8x32_epi32(in_turn, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
#endif
  }

  Wide zero;  // 16 bits
  Wide low, high;
  Wide flip;
};

#undef WHET_WIDE

// Stores the kPart-th of the parts of kBytes that the vector has.
template <int kBytes, int kPart>
WHET_INLINE void StorePart(uint8_t* to, Wide bytes) {
#if defined(__AVX512F__)
  static_assert(kBytes == 16 || kBytes == 32);
  if constexpr (kBytes == 32) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_extracti64x4_epi64(bytes, kPart));
  } else {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_extracti32x4_epi32(bytes, kPart));
  }
#else
  static_assert(kBytes == 8 || kBytes == 16);
  const __m128i part = _mm256_extracti128_si256(bytes, kPart * kBytes / 16);
  if constexpr (kBytes == 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), part);
  } else {
    const int64_t eight = _mm_extract_epi64(part, kPart % 2);
    std::memcpy(to, &eight, sizeof(eight));
  }
#endif
}

// How many bytes of a vector are stored, in the form that StoreSome takes.
#if defined(__AVX512F__)
using Count = __mmask64;
WHET_INLINE Count CountOf(int64_t bytes) { return ~__mmask64{0} >> (64 - bytes); }
#else
using Count = int64_t;
WHET_INLINE Count CountOf(int64_t bytes) { return bytes; }
#endif

// Stores bytes of the vector from byte `first` on.
WHET_INLINE void StoreSome(uint8_t* to, Wide bytes, int64_t first, Count count) {
#if defined(__AVX512F__)
  // The bytes stay where they are in the vector, which is thought to begin before `to`; a number, since no
  // pointer may point there.
  const uintptr_t begin = reinterpret_cast<uintptr_t>(to) - static_cast<uintptr_t>(first);
  auto* const to_first = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
  _mm512_mask_storeu_epi8(to_first, count << first, bytes);
#else
  uint8_t all[2 * sizeof(bytes)];  // g++ 12 believes that more than there is may be stored
  std::memcpy(all, &bytes, sizeof(bytes));
  const uint8_t* from = all + first;
  // Pieces of 2^k bytes, of which the last one may overlap the one before.
  if (count >= 16) {
    std::memcpy(to, from, 16);
    std::memcpy(to + count - 16, from + count - 16, 16);
  } else if (count >= 8) {
    std::memcpy(to, from, 8);
    std::memcpy(to + count - 8, from + count - 8, 8);
  } else if (count >= 4) {
    std::memcpy(to, from, 4);
    std::memcpy(to + count - 4, from + count - 4, 4);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i];
  }
#endif
}

}  // namespace whet::kernels::WHET_ISA
#endif
