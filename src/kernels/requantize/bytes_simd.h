// 8-bit integers of either sign in and out of 32-bit lanes; for *_isa.cc files of integer families.
#pragma once

#include "kernels/requantize/requantize_simd.h"

namespace whet::kernels::WHET_ISA {

// kLanes elements, read as T (int8_t or uint8_t).
template <typename T>
WHET_INLINE I32 LoadBytes(const void* p) {
  return LoadNarrow(static_cast<const T*>(p));
}
// The first n lanes, 0 <= n <= kLanes; the others read as zero.
template <typename T>
WHET_INLINE I32 LoadBytesPartial(const void* p, int64_t n) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm_maskz_loadu_epi8(static_cast<__mmask16>((1u << n) - 1u), p);
  return reinterpret_cast<I32>(T(-1) < T(0) ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
#else
  T bytes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) bytes[i] = static_cast<const T*>(p)[i];
  return LoadNarrow(bytes);
#endif
}

// Bytes of a sign that only the run knows, which one code loads: signed ones with their highest bit turned,
// which makes them greater by `excess`. A zero point that is greater by as much takes that off again.
struct EitherSign {
  explicit EitherSign(DType type) : excess(type == DType::kI8 ? 128 : 0), flip(Set1(excess)) {}
  int32_t excess;
  I32 flip;
};
WHET_INLINE I32 LoadBytes(const EitherSign& sign, const void* p) { return LoadBytes<uint8_t>(p) ^ sign.flip; }
WHET_INLINE I32 LoadBytesPartial(const EitherSign& sign, const void* p, int64_t n) {
  return LoadBytesPartial<uint8_t>(p, n) ^ sign.flip;
}
WHET_INLINE I32 RepeatByte(const EitherSign& sign, uint8_t byte) { return Set1(int32_t{byte}) ^ sign.flip; }

// The low byte of each lane, which is the integer in either sign.
WHET_INLINE void StoreBytes(void* p, I32 v) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  const __m256i low =
      _mm256_shuffle_epi8(reinterpret_cast<__m256i>(v),
                          _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                           0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  const __m128i both = _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
  _mm_storel_epi64(static_cast<__m128i*>(p), both);
#else
  StoreNarrow(static_cast<uint8_t*>(p), v);
#endif
}
WHET_INLINE void StoreBytesPartial(void* p, I32 v, int64_t n) {
#if defined(__AVX512F__)
  StoreNarrowPartial(static_cast<uint8_t*>(p), v, n);
#else
  uint8_t bytes[kLanes] = {};
  StoreBytes(bytes, v);
  for (int64_t i = 0; i < n; ++i) static_cast<uint8_t*>(p)[i] = bytes[i];
#endif
}

}  // namespace whet::kernels::WHET_ISA
