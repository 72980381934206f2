// The vector type that a kernel's loops are written over, once for all instruction sets.
//
// Include it only from translation units named *_isa.cc. The build compiles each of those once per
// instruction set, with that set's compiler flags and WHET_ISA set to its name; everything such a unit
// defines must be in namespace whet::kernels::WHET_ISA (or anonymous inside it), and it must use no inline
// functions of the standard library beyond <cstdint>, <cstddef> and <cstring>: the linker keeps one copy of
// an inline function, and if that were the AVX-512 one, an older CPU would crash far away from here.
//
// Arithmetic uses the compilers' vector extensions (a + b, a * b, comparisons); a * b + c is contracted to a
// fused multiply-add where the target has one. Here are the operations that need more than that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/isa.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#ifndef WHET_ISA
#error "simd.h is for *_isa.cc files, which the build compiles with WHET_ISA set"
#endif

namespace whet::kernels::WHET_ISA {

#if defined(__AVX512F__)
inline constexpr Isa kIsa = Isa::kAvx512;
inline constexpr int kVectorBytes = 64;
inline constexpr int kVectorRegisters = 32;
#elif defined(__AVX2__)
inline constexpr Isa kIsa = Isa::kAvx2;
inline constexpr int kVectorBytes = 32;
inline constexpr int kVectorRegisters = 16;
#else
inline constexpr Isa kIsa = Isa::kPortable;
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 16;
#endif

inline constexpr int kLanes = kVectorBytes / 4;  // 32-bit lanes

using F32 = float __attribute__((vector_size(kVectorBytes)));
using I32 = int32_t __attribute__((vector_size(kVectorBytes)));
using U32 = uint32_t __attribute__((vector_size(kVectorBytes)));

#define WHET_INLINE static inline __attribute__((always_inline))

WHET_INLINE F32 Set1(float x) { return F32{} + x; }
WHET_INLINE I32 Set1(int32_t x) { return I32{} + x; }
WHET_INLINE F32 Zero() { return F32{}; }

// Hides from the compiler where a vector comes from: it stays loaded instead of being loaded again at each
// use.
#if defined(__x86_64__)
#define WHET_KEEP_IN_REGISTER(v) __asm__("" : "+v"(v))
#elif defined(__aarch64__)
#define WHET_KEEP_IN_REGISTER(v) __asm__("" : "+w"(v))
#else
#define WHET_KEEP_IN_REGISTER(v) static_cast<void>(v)
#endif

WHET_INLINE F32 Load(const float* p) {
  F32 v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
WHET_INLINE void Store(float* p, F32 v) { std::memcpy(p, &v, sizeof(v)); }
WHET_INLINE I32 LoadI32(const int32_t* p) {
  I32 v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
WHET_INLINE void StoreI32(int32_t* p, I32 v) { std::memcpy(p, &v, sizeof(v)); }

#if defined(__AVX2__) && !defined(__AVX512F__)
// A window of it that starts at kLanes - n is the mask of the first n lanes.
alignas(64) inline constexpr int32_t kPartialMask[2 * kLanes] = {-1, -1, -1, -1, -1, -1, -1, -1};
WHET_INLINE __m256i PartialMask(int64_t n) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kPartialMask + kLanes - n));
}
#endif

// The first n lanes, 0 <= n <= kLanes; the others read as zero / stay untouched in memory.
WHET_INLINE F32 LoadPartial(const float* p, int64_t n) {
#if defined(__AVX512F__)
  return reinterpret_cast<F32>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p));
#elif defined(__AVX2__)
  return reinterpret_cast<F32>(_mm256_maskload_ps(p, PartialMask(n)));
#else
  F32 v{};
  for (int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}
WHET_INLINE void StorePartial(float* p, F32 v, int64_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), reinterpret_cast<__m512>(v));
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, PartialMask(n), reinterpret_cast<__m256>(v));
#else
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
#endif
}

WHET_INLINE F32 AsF32(I32 v) { return reinterpret_cast<F32>(v); }
WHET_INLINE I32 AsI32(F32 v) { return reinterpret_cast<I32>(v); }

// The lanes of a and b in turn: those of the lower halves, of the upper halves.
WHET_INLINE F32 InterleaveLow(F32 a, F32 b) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
#else
  return __builtin_shufflevector(a, b, 0, 4, 1, 5);
#endif
}
WHET_INLINE F32 InterleaveHigh(F32 a, F32 b) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#else
  return __builtin_shufflevector(a, b, 2, 6, 3, 7);
#endif
}

// a where the mask's lane is all ones, b where it is zero.
WHET_INLINE F32 Select(I32 mask, F32 a, F32 b) { return mask ? a : b; }

// NaN in either operand: Min(a, b) = a < b ? a : b, so b is returned; put the value that may be NaN second.
WHET_INLINE F32 Min(F32 a, F32 b) {
#if defined(__AVX512F__)
  return reinterpret_cast<F32>(_mm512_min_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<F32>(_mm256_min_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#else
  return Select(a < b, a, b);
#endif
}
WHET_INLINE F32 Max(F32 a, F32 b) {
#if defined(__AVX512F__)
  return reinterpret_cast<F32>(_mm512_max_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<F32>(_mm256_max_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#else
  return Select(a > b, a, b);
#endif
}
WHET_INLINE F32 Abs(F32 a) { return AsF32(AsI32(a) & 0x7fffffff); }

WHET_INLINE F32 Sqrt(F32 a) {
#if defined(__AVX512F__)
  return reinterpret_cast<F32>(_mm512_sqrt_ps(reinterpret_cast<__m512>(a)));
#elif defined(__AVX2__)
  return reinterpret_cast<F32>(_mm256_sqrt_ps(reinterpret_cast<__m256>(a)));
#else
  for (int i = 0; i < kLanes; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
#endif
}

WHET_INLINE I32 ConvertToI32(F32 a) { return __builtin_convertvector(a, I32); }  // towards zero
WHET_INLINE F32 ConvertToF32(I32 a) { return __builtin_convertvector(a, F32); }

// To nearest, ties to even; |a| < 2^31.
WHET_INLINE F32 Round(F32 a) {
#if defined(__AVX512F__)
  return reinterpret_cast<F32>(_mm512_roundscale_ps(reinterpret_cast<__m512>(a), 0x08));
#elif defined(__AVX2__)
  return reinterpret_cast<F32>(
      _mm256_round_ps(reinterpret_cast<__m256>(a), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#else
  for (int i = 0; i < kLanes; ++i) a[i] = __builtin_rintf(a[i]);
  return a;
#endif
}

WHET_INLINE F32 Floor(F32 a) {
#if defined(__AVX512F__)
  return reinterpret_cast<F32>(_mm512_roundscale_ps(reinterpret_cast<__m512>(a), 0x09));
#elif defined(__AVX2__)
  return reinterpret_cast<F32>(_mm256_floor_ps(reinterpret_cast<__m256>(a)));
#else
  for (int i = 0; i < kLanes; ++i) a[i] = __builtin_floorf(a[i]);
  return a;
#endif
}
WHET_INLINE F32 Ceil(F32 a) { return -Floor(-a); }

// Lane i becomes lane i ^ k, for a power of two k below kLanes.
template <int k>
WHET_INLINE F32 SwapLanes(F32 a) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(a, a, 0 ^ k, 1 ^ k, 2 ^ k, 3 ^ k, 4 ^ k, 5 ^ k, 6 ^ k, 7 ^ k, 8 ^ k, 9 ^ k,
                                 10 ^ k, 11 ^ k, 12 ^ k, 13 ^ k, 14 ^ k, 15 ^ k);
#elif defined(__AVX2__)
  return __builtin_shufflevector(a, a, 0 ^ k, 1 ^ k, 2 ^ k, 3 ^ k, 4 ^ k, 5 ^ k, 6 ^ k, 7 ^ k);
#else
  return __builtin_shufflevector(a, a, 0 ^ k, 1 ^ k, 2 ^ k, 3 ^ k);
#endif
}

// combine(a, b), which may not depend on the order, over all lanes; in every lane.
template <typename F>
WHET_INLINE F32 Fold(F32 a, F combine) {
#if defined(__AVX512F__)
  a = combine(a, SwapLanes<8>(a));
#endif
#if defined(__AVX2__)
  a = combine(a, SwapLanes<4>(a));
#endif
  a = combine(a, SwapLanes<2>(a));
  return combine(a, SwapLanes<1>(a));
}
WHET_INLINE float ReduceAdd(F32 a) {
  return Fold(a, [](F32 x, F32 y) { return x + y; })[0];
}
WHET_INLINE float ReduceMax(F32 a) {
  return Fold(a, [](F32 x, F32 y) { return Max(x, y); })[0];
}

}  // namespace whet::kernels::WHET_ISA
