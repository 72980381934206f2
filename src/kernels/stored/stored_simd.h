// Stored weights become floats. Include it only from *_isa.cc.
//
// Integers are whole numbers until they are scaled, hence exact.
#pragma once

#include "kernels/simd/simd.h"
#include "kernels/simd/unpack.h"
#include "kernels/stored/stored.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace whet::kernels::WHET_ISA {

inline constexpr int kPanelVectors = 2;
inline constexpr int kPanelColumns = kPanelVectors * kLanes;

// The weights of one k.
struct PanelFloats {
  F32 v[kPanelVectors];
};

// Of two successive k.
constexpr int64_t PairBytes(stored::Format format) {
  return (stored::IsHalf(format) ? 4 : format == stored::Format::kI8 ? 2 : 1) * kPanelColumns;
}

#if defined(__AVX2__)

// So many bytes, half of them the lower lanes'.
using PanelBytes = uint8_t __attribute__((vector_size(kPanelColumns)));

// What the weights of a group have in common.
struct StoredGroup {
  F32 scale[kPanelVectors];
  F32 zero[kPanelVectors];  // of 8 bits: the differences do not fit a byte
  PanelBytes zero_bytes;    // of 4 bits
};

WHET_INLINE PanelBytes LoadPanelBytes(const uint8_t* p) {
  PanelBytes v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

// Of bytes with signs.
WHET_INLINE PanelFloats ToFloats(PanelBytes bytes) {
#if defined(__AVX512F__)
  const auto both = reinterpret_cast<__m256i>(bytes);
  const __m512i low = _mm512_cvtepi8_epi32(_mm256_castsi256_si128(both));
  const __m512i high = _mm512_cvtepi8_epi32(_mm256_extracti128_si256(both, 1));
#else
  const auto both = reinterpret_cast<__m128i>(bytes);
  const __m256i low = _mm256_cvtepi8_epi32(both);
  const __m256i high = _mm256_cvtepi8_epi32(_mm_unpackhi_epi64(both, both));
#endif
  return {{ConvertToF32(reinterpret_cast<I32>(low)), ConvertToF32(reinterpret_cast<I32>(high))}};
}

template <stored::Format format, bool kZeros>
WHET_INLINE PanelFloats Scaled(PanelBytes bytes, const StoredGroup& group) {
  if constexpr (format == stored::Format::kU4) bytes -= group.zero_bytes;
  PanelFloats row = ToFloats(bytes);
  for (int v = 0; v < kPanelVectors; ++v) {
    if constexpr (format == stored::Format::kI8 && kZeros) row.v[v] -= group.zero[v];
    row.v[v] *= group.scale[v];
  }
  return row;
}

template <bool kBrain>
WHET_INLINE PanelFloats HalvesToFloats(const uint8_t* p) {
  PanelFloats row;
  for (int v = 0; v < kPanelVectors; ++v) {
    const uint8_t* from = p + 2 * v * kLanes;
#if defined(__AVX512F__)
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    row.v[v] = kBrain ? reinterpret_cast<F32>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))
                      : reinterpret_cast<F32>(_mm512_cvtph_ps(halves));
#else
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    row.v[v] = kBrain ? reinterpret_cast<F32>(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16))
                      : reinterpret_cast<F32>(_mm256_cvtph_ps(halves));
#endif
  }
  return row;
}

#else

// Whole numbers become floats without a conversion: with the upper half of 2^23 above them, 16 bits u are the
// float 2^23 + u.
inline constexpr float kMagic = 0x1p23f;
WHET_INLINE I32 MagicHalves() { return Set1(0x4b004b00); }
// Bytes with a sign count from -128.
inline constexpr uint64_t kSigns = 0x8080808080808080;

// What the weights of a group have in common.
struct StoredGroup {
  F32 scale[kPanelVectors];
  F32 zero[kPanelVectors];  // and 2^23
};

// kPanelColumns bytes, widened to 16 bits.
WHET_INLINE I32 LoadPanelBytes(const uint8_t* p, uint64_t flip) {
  static_assert(kPanelColumns == 8);
  uint64_t bytes;
  std::memcpy(&bytes, p, sizeof(bytes));
  using Pair = uint64_t __attribute__((vector_size(16)));
  return UnpackLow8(reinterpret_cast<I32>(Pair{bytes ^ flip, 0}), I32{});
}

WHET_INLINE PanelFloats Scaled(I32 words, const StoredGroup& group) {
  const F32 low = AsF32(UnpackLow16(words, MagicHalves()));
  const F32 high = AsF32(UnpackHigh16(words, MagicHalves()));
  return {{(low - group.zero[0]) * group.scale[0], (high - group.zero[1]) * group.scale[1]}};
}

template <bool kBrain>
WHET_INLINE PanelFloats HalvesToFloats(const uint8_t* p) {
  const I32 halves = LoadI32(reinterpret_cast<const int32_t*>(p));
  if constexpr (kBrain) return {{AsF32(UnpackLow16(I32{}, halves)), AsF32(UnpackHigh16(I32{}, halves))}};
#if defined(__aarch64__)
  const auto eight = reinterpret_cast<float16x8_t>(halves);
  return {{reinterpret_cast<F32>(vcvt_f32_f16(vget_low_f16(eight))),
           reinterpret_cast<F32>(vcvt_high_f32_f16(eight))}};
#else
  // Exponent and mantissa, moved into place, make a float that is 2^112 too small. The shift also fills what
  // is between them and the sign.
  PanelFloats row = {{AsF32(UnpackLow16(I32{}, halves)), AsF32(UnpackHigh16(I32{}, halves))}};
  for (int v = 0; v < kPanelVectors; ++v)
    row.v[v] = AsF32((AsI32(row.v[v]) >> 3) & static_cast<int32_t>(0x8fffe000)) * 0x1p112f;
  return row;
#endif
}

#endif

template <stored::Format format, bool kZeros>
WHET_INLINE StoredGroup ReadStoredGroup(const uint8_t* p) {
  StoredGroup group{};
  if constexpr (stored::IsHalf(format)) return group;
  constexpr bool kFour = format == stored::Format::kU4;
  std::memcpy(group.scale, p, sizeof(group.scale));
  p += sizeof(group.scale);
#if defined(__AVX2__)
  if constexpr (kFour) {
    group.zero_bytes = kZeros ? LoadPanelBytes(p) : PanelBytes{} + uint8_t{8};
  } else if constexpr (kZeros) {
    const PanelFloats zeros = ToFloats(LoadPanelBytes(p));
    for (int v = 0; v < kPanelVectors; ++v) group.zero[v] = zeros.v[v];
  }
#else
  if constexpr (kZeros) {
    const I32 words = LoadPanelBytes(p, kFour ? 0 : kSigns);
    group.zero[0] = AsF32(UnpackLow16(words, MagicHalves()));
    group.zero[1] = AsF32(UnpackHigh16(words, MagicHalves()));
  } else {
    group.zero[0] = group.zero[1] = Set1(kMagic + (kFour ? 8 : 128));
  }
#endif
  return group;
}

// The weights of two successive k, of which the first begin at p.
template <stored::Format format, bool kZeros>
WHET_INLINE void DecodePair(const StoredGroup& group, const uint8_t* p, PanelFloats (&b)[2]) {
  if constexpr (stored::IsHalf(format)) {
    constexpr bool kBrain = format == stored::Format::kBf16;
    b[0] = HalvesToFloats<kBrain>(p);
    b[1] = HalvesToFloats<kBrain>(p + 2 * kPanelColumns);
#if defined(__AVX2__)
  } else if constexpr (format == stored::Format::kI8) {
    b[0] = Scaled<format, kZeros>(LoadPanelBytes(p), group);
    b[1] = Scaled<format, kZeros>(LoadPanelBytes(p + kPanelColumns), group);
  } else {
    const PanelBytes both = LoadPanelBytes(p);
    b[0] = Scaled<format, kZeros>(both & 0xf, group);
    b[1] = Scaled<format, kZeros>(both >> 4, group);
#else
  } else if constexpr (format == stored::Format::kI8) {
    const I32 bytes = LoadI32(reinterpret_cast<const int32_t*>(p)) ^ Set1(static_cast<int32_t>(kSigns));
    b[0] = Scaled(UnpackLow8(bytes, I32{}), group);
    b[1] = Scaled(UnpackHigh8(bytes, I32{}), group);
  } else {
    using Words = uint16_t __attribute__((vector_size(16)));
    const auto both = reinterpret_cast<Words>(LoadPanelBytes(p, 0));
    b[0] = Scaled(reinterpret_cast<I32>(both & 0xf), group);
    b[1] = Scaled(reinterpret_cast<I32>(both >> 4), group);
#endif
  }
}

// The last k of a group with an odd number; of 4 bits, the upper ones are 0.
template <stored::Format format, bool kZeros>
WHET_INLINE PanelFloats DecodeOne(const StoredGroup& group, const uint8_t* p) {
  if constexpr (stored::IsHalf(format)) {
    return HalvesToFloats < format == stored::Format::kBf16 > (p);
  } else {
#if defined(__AVX2__)
    return Scaled<format, kZeros>(LoadPanelBytes(p), group);
#else
    return Scaled(LoadPanelBytes(p, format == stored::Format::kI8 ? kSigns : 0), group);
#endif
  }
}

}  // namespace whet::kernels::WHET_ISA
