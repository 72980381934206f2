// base/requantize.h over vectors, and the narrow integers in memory that its results are. Include it only
// from *_isa.cc files of integer families, whose folders are named q…: the build compiles those without
// contraction of a * b + c, so that results are the same on every instruction set.
#pragma once

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

// The constants of ToSteps.
struct Steps {
  F32 bottom;
  F32 top;
  I32 zero_point;
};
WHET_INLINE Steps MakeSteps(int32_t zero_point, int32_t low, int32_t high) {
  return {Set1(static_cast<float>(low - zero_point)), Set1(static_cast<float>(high - zero_point)),
          Set1(zero_point)};
}

// To nearest, ties to even; |x| < 2^22.
WHET_INLINE I32 RoundToI32(F32 x) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(_mm512_cvtps_epi32(reinterpret_cast<__m512>(x)));
#elif defined(__AVX2__)
  return reinterpret_cast<I32>(_mm256_cvtps_epi32(reinterpret_cast<__m256>(x)));
#else
  // Where the last place of a float is 1, adding rounds, and the bits count.
  constexpr float kOnes = 12582912.0f;  // 1.5 * 2^23
  return AsI32(x + kOnes) - AsI32(Set1(kOnes));
#endif
}

WHET_INLINE I32 ToSteps(F32 x, const Steps& steps) {
  return RoundToI32(Min(Max(x, steps.bottom), steps.top)) + steps.zero_point;
}
WHET_INLINE I32 Requantize(I32 sum, F32 multiplier, const Steps& steps) {
  return ToSteps(ConvertToF32(sum) * multiplier, steps);
}

// kLanes elements in memory, widened.
WHET_INLINE I32 LoadNarrow(const int8_t* p) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<I32>(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  return I32{p[0], p[1], p[2], p[3]};
#endif
}
WHET_INLINE I32 LoadNarrow(const uint8_t* p) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<I32>(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  return I32{p[0], p[1], p[2], p[3]};
#endif
}
WHET_INLINE I32 LoadNarrow(const int16_t* p) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(
      _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<I32>(_mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#else
  return I32{p[0], p[1], p[2], p[3]};
#endif
}
WHET_INLINE I32 LoadNarrow(const uint16_t* p) {
#if defined(__AVX512F__)
  return reinterpret_cast<I32>(
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
#elif defined(__AVX2__)
  return reinterpret_cast<I32>(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#else
  return I32{p[0], p[1], p[2], p[3]};
#endif
}

// kLanes integers of 1 or 2 bytes, as they lie in memory.
using Bytes = uint8_t __attribute__((vector_size(kLanes)));
using Halves = uint16_t __attribute__((vector_size(2 * kLanes)));
template <typename T>
struct NarrowVector;
template <>
struct NarrowVector<int8_t> {
  using Type = Bytes;
};
template <>
struct NarrowVector<uint8_t> {
  using Type = Bytes;
};
template <>
struct NarrowVector<int16_t> {
  using Type = Halves;
};
template <>
struct NarrowVector<uint16_t> {
  using Type = Halves;
};

// Lanes that fit T.
template <typename T>
WHET_INLINE typename NarrowVector<T>::Type Narrow(I32 v) {
  using Result = typename NarrowVector<T>::Type;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 1)
    return reinterpret_cast<Result>(_mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(v)));
  if constexpr (sizeof(T) == 2)
    return reinterpret_cast<Result>(_mm512_cvtepi32_epi16(reinterpret_cast<__m512i>(v)));
#elif defined(__AVX2__)
  const __m256i wide = reinterpret_cast<__m256i>(v);
  const __m128i low = _mm256_castsi256_si128(wide), high = _mm256_extracti128_si256(wide, 1);
  constexpr bool kUnsigned = static_cast<T>(-1) > 0;
  if constexpr (sizeof(T) == 2) {
    return reinterpret_cast<Result>(kUnsigned ? _mm_packus_epi32(low, high) : _mm_packs_epi32(low, high));
  } else {
    const __m128i halves = _mm_packs_epi32(low, high);
    const __m128i bytes = kUnsigned ? _mm_packus_epi16(halves, halves) : _mm_packs_epi16(halves, halves);
    const int64_t eight = _mm_cvtsi128_si64(bytes);
    Result result;
    std::memcpy(&result, &eight, sizeof(result));
    return result;
  }
#else
  return __builtin_convertvector(v, Result);
#endif
}
template <typename T>
WHET_INLINE void StoreNarrow(T* p, I32 v) {
  const auto narrow = Narrow<T>(v);
  std::memcpy(p, &narrow, sizeof(narrow));
}
// The first n of them, 0 <= n <= kLanes.
template <typename T>
WHET_INLINE void StoreNarrowPartial(T* p, I32 v, int64_t n) {
  const auto narrow = Narrow<T>(v);
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>((1u << n) - 1u);
  if constexpr (sizeof(T) == 1) _mm_mask_storeu_epi8(p, mask, reinterpret_cast<__m128i>(narrow));
  if constexpr (sizeof(T) == 2) _mm256_mask_storeu_epi16(p, mask, reinterpret_cast<__m256i>(narrow));
#else
  T elements[kLanes];
  std::memcpy(elements, &narrow, sizeof(elements));
  for (int64_t i = 0; i < n; ++i) p[i] = elements[i];
#endif
}

}  // namespace whet::kernels::WHET_ISA
