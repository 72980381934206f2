// Elementary functions of a vector. Include it only from *_isa.cc, like simd.h.
//
// The largest error found over the whole range of arguments, in units of the last place of the exact result
// (math_test.cc samples densely and holds them to it; it is the same on every instruction set to within one):
//   Exp 1.5, Expm1 2, Log 1.5, Log1p 2.5, Sigmoid 3, Tanh 2.5, Erf 2, Pow 1, Sin and Cos 2.
// Infinities, NaN, signed zeros and subnormals come out as in C's math library.
//
// Each function reduces its argument to a small interval and evaluates there a polynomial that is minimax for
// the relative error of the result.
#pragma once

#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

// Adding and subtracting it leaves a float of small magnitude rounded to an integer, which is then also in
// the low bits of the sum.
inline constexpr float kRoundingMagic = 0x1.8p23f;

// ln 2 = hi + lo, where hi has so few bits that a product with an exponent is exact even without FMA.
inline constexpr float kLn2Hi = 0x1.62ep-1f;
inline constexpr float kLn2Lo = 3.194618330e-05f;

// x = n ln 2 + r with |r| <= ln 2 / 2; q = e^r - 1 - r.
struct ExpParts {
  F32 n;
  I32 n_int;
  F32 r;
  F32 q;
};
WHET_INLINE ExpParts ReduceExp(F32 x) {
  ExpParts e;
  const F32 t = x * 1.44269504f + kRoundingMagic;
  e.n = t - kRoundingMagic;
  e.n_int = AsI32(t) - AsI32(Set1(kRoundingMagic));
  e.r = x - e.n * kLn2Hi;
  e.r = e.r - e.n * kLn2Lo;
  F32 p = e.r * 1.991997706e-04f + 1.394721214e-03f;
  p = p * e.r + 8.333261125e-03f;
  p = p * e.r + 4.166625440e-02f;
  p = p * e.r + 1.666666716e-01f;
  p = p * e.r + 0.5f;
  e.q = p * (e.r * e.r);
  return e;
}

// 2^n for -126 <= n <= 127.
WHET_INLINE F32 PowerOfTwo(I32 n) { return AsF32((n + 127) << 23); }

WHET_INLINE F32 Exp(F32 x) {
  // Beyond these the result is 0 or infinity. NaN is second, so it stays.
  x = Max(Set1(-104.0f), Min(Set1(89.0f), x));
  const ExpParts e = ReduceExp(x);
  const F32 y = (e.q + e.r) + 1.0f;
#if defined(__AVX512F__)
  return reinterpret_cast<F32>(_mm512_scalef_ps(reinterpret_cast<__m512>(y), reinterpret_cast<__m512>(e.n)));
#else
  // In two steps, since 2^n itself may be out of range where the product is not.
  const I32 half = e.n_int >> 1;
  return y * PowerOfTwo(half) * PowerOfTwo(e.n_int - half);
#endif
}

// e^x for -87 <= x <= 0 (or NaN): no step of Exp that only the ends of the range need.
WHET_INLINE F32 ExpOfModerateNegative(F32 x) {
  const ExpParts e = ReduceExp(x);
  return ((e.q + e.r) + 1.0f) * PowerOfTwo(e.n_int);
}

WHET_INLINE F32 CopySign(F32 magnitude, F32 sign) {
  return AsF32((AsI32(magnitude) & 0x7fffffff) | (AsI32(sign) & INT32_MIN));
}

// e^x - 1 without the cancellation near 0.
WHET_INLINE F32 Expm1(F32 x) {
  const F32 clamped = Max(Set1(-18.0f), Min(Set1(87.0f), x));
  const ExpParts e = ReduceExp(clamped);
  const F32 scale = PowerOfTwo(e.n_int);
  const F32 small = (e.q + e.r) * scale + (scale - 1.0f);
  const F32 result = Select(x > 87.0f, Exp(x), small);
  return Select(AsF32(AsI32(x) & 0x7fffffff) < 1e-30f, x, result);  // keeps the sign of zero
}

WHET_INLINE F32 Sigmoid(F32 x) {
  const F32 e = Exp(-Abs(x));
  return Select(x < 0.0f, e, Set1(1.0f)) / (e + 1.0f);
}

WHET_INLINE F32 Tanh(F32 x) {
  // tanh |x| = -m / (m + 2) with m = e^(-2|x|) - 1; beyond 10 it is 1 to the last bit.
  const F32 z = Max(Set1(-20.0f), Abs(x) * -2.0f);
  const ExpParts e = ReduceExp(z);
  const F32 scale = PowerOfTwo(e.n_int);
  const F32 m = (e.q + e.r) * scale + (scale - 1.0f);
  return CopySign(m / (m + 2.0f), x);
}

WHET_INLINE F32 Erf(F32 x) {
  const F32 t = Min(Set1(3.93f), Abs(x));  // from there on it is 1
  // Near 0: x + x P(x^2).
  const F32 u = t * t;
  F32 p = u * 8.513099601e-05f + -8.175644325e-04f;
  p = p * u + 5.203860346e-03f;
  p = p * u + -2.686050907e-02f;
  p = p * u + 1.128371507e-01f;
  p = p * u + -3.761263490e-01f;
  p = p * u + 1.283791661e-01f;
  const F32 near = p * t + t;
  // Else: 1 - e^P(t).
  F32 g = t * -2.036937622e-05f + 4.261515569e-04f;
  g = g * t + -4.131219815e-03f;
  g = g * t + 2.501574159e-02f;
  g = g * t + -1.081218198e-01f;
  g = g * t + -6.334887147e-01f;
  g = g * t + -1.129445791e+00f;
  g = g * t + 1.605457801e-04f;
  const F32 far = 1.0f - ExpOfModerateNegative(g);
  return CopySign(Select(t < 0.88f, near, far), x);
}

WHET_INLINE F32 Log(F32 x) {
  // A subnormal is scaled up first.
  const I32 subnormal = x < 0x1p-126f;
  const F32 scaled = Select(subnormal, x * 0x1p23f, x);
  // scaled = 2^exponent (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).
  constexpr int32_t kSqrtHalf = 0x3f3504f3;
  const I32 offset = AsI32(scaled) - kSqrtHalf;
  const F32 exponent = ConvertToF32((offset >> 23) - (subnormal & 23));
  const F32 f = AsF32((offset & 0x7fffff) + kSqrtHalf) - 1.0f;
  F32 p = f * 6.917255372e-02f + -1.179066375e-01f;
  p = p * f + 1.187251434e-01f;
  p = p * f + -1.238416582e-01f;
  p = p * f + 1.421870738e-01f;
  p = p * f + -1.666926295e-01f;
  p = p * f + 2.000222355e-01f;
  p = p * f + -2.499998659e-01f;
  p = p * f + 3.333331048e-01f;
  const F32 f2 = f * f;
  F32 y = p * f * f2 + exponent * kLn2Lo;
  y = y - f2 * 0.5f;
  y = (y + f) + exponent * kLn2Hi;
  y = Select(x < __builtin_inff(), y, x);
  y = Select(x == 0.0f, Set1(-__builtin_inff()), y);
  return Select(x < 0.0f, Set1(__builtin_nanf("")), y);
}

WHET_INLINE F32 Log1p(F32 x) {
  // What rounding took from 1 + x, its logarithm is corrected for in proportion.
  const F32 w = x + 1.0f;
  const F32 d = w - 1.0f;
  const F32 y = Log(w) * (x / d);
  return Select((d == 0.0f) | (w == __builtin_inff()), x, y);
}

// log(1 + e^x)
WHET_INLINE F32 Softplus(F32 x) { return Max(Zero(), x) + Log1p(Exp(-Abs(x))); }

// --- The ones that take a detour through double
// ---------------------------------------------------------------

using F64 = double __attribute__((vector_size(kVectorBytes)));
using I64 = int64_t __attribute__((vector_size(kVectorBytes)));
using HalfF32 = float __attribute__((vector_size(kVectorBytes / 2)));

struct F64Pair {
  F64 lo, hi;
};
WHET_INLINE F64Pair Widen(F32 x) {
  HalfF32 half[2];
  std::memcpy(half, &x, sizeof(half));
  return {__builtin_convertvector(half[0], F64), __builtin_convertvector(half[1], F64)};
}
WHET_INLINE F64Pair Widen(I32 x) {
  using HalfI32 = int32_t __attribute__((vector_size(kVectorBytes / 2)));
  HalfI32 half[2];
  std::memcpy(half, &x, sizeof(half));
  return {__builtin_convertvector(half[0], F64), __builtin_convertvector(half[1], F64)};
}
WHET_INLINE F32 Narrow(F64Pair x) {
  const HalfF32 half[2] = {__builtin_convertvector(x.lo, HalfF32), __builtin_convertvector(x.hi, HalfF32)};
  F32 y;
  std::memcpy(&y, half, sizeof(y));
  return y;
}
inline constexpr double kRoundingMagicF64 = 0x1.8p52;

// log2 of a positive, finite, normal x, to about 2^-50.
WHET_INLINE F64 Log2F64(F64 x) {
  constexpr int64_t kSqrtHalf = 0x3fe6a09e667f3bcd;
  constexpr int64_t kOne = int64_t{1023} << 52;
  // The exponent is biased so that the shift, which AVX2 has only for unsigned values, sees none below 0.
  using U64 = uint64_t __attribute__((vector_size(kVectorBytes)));
  const I64 bits = reinterpret_cast<I64>(x);
  const I64 biased = bits - kSqrtHalf + kOne;
  const U64 exponent_bits = reinterpret_cast<U64>(biased) >> 52;
  const F64 exponent = reinterpret_cast<F64>(reinterpret_cast<I64>(exponent_bits) + 0x4338000000000000) -
                       (kRoundingMagicF64 + 1023.0);
  const F64 m = reinterpret_cast<F64>(((bits - kSqrtHalf) & 0xfffffffffffff) + kSqrtHalf);
  const F64 s = (m - 1.0) / (m + 1.0);
  const F64 z = s * s;
  F64 p = z * 0.24295118434524801 + 0.26144131259131786;
  p = p * z + 0.32061647998334969;
  p = p * z + 0.412198400728987;
  p = p * z + 0.57707801725485852;
  p = p * z + 0.96179669392431444;
  p = p * z + 2.8853900817779272;
  return p * s + exponent;
}
// 2^x to about 2^-34; what is beyond the range of float comes out as beyond it. NaN stays.
WHET_INLINE F64 Exp2F64(F64 x) {
  x = x < -200.0 ? F64{} - 200.0 : x;
  x = x > 200.0 ? F64{} + 200.0 : x;
  const F64 t = x + kRoundingMagicF64;
  const F64 f = x - (t - kRoundingMagicF64);
  const I64 scale = (reinterpret_cast<I64>(t) - 0x4338000000000000 + 1023) << 52;
  F64 p = f * 1.5201919668346583e-05 + 0.0001546929107415455;
  p = p * f + 0.0013333922577961808;
  p = p * f + 0.0096180272542687548;
  p = p * f + 0.055504103534210564;
  p = p * f + 0.2402265119814716;
  p = p * f + 0.69314718072845694;
  p = p * f + 0.99999999996168487;
  return p * reinterpret_cast<F64>(scale);
}
WHET_INLINE F64 PowOfPositive(F64 x, F64 y) {
  constexpr double kInf = __builtin_inf();
  F64 log = Log2F64(x);
  log = x == 0.0 ? F64{} - kInf : log;
  log = x == kInf ? x : log;
  return Exp2F64(y * log);
}
WHET_INLINE F32 Pow(F32 x, F32 y) {
  constexpr float kInf = __builtin_inff();
  const F32 a = Abs(x);
  const F64Pair wide_a = Widen(a), wide_y = Widen(y);
  F32 r = Narrow({PowOfPositive(wide_a.lo, wide_y.lo), PowOfPositive(wide_a.hi, wide_y.hi)});
  r = Select(a == 1.0f, Set1(1.0f), r);
  // The sign of a negative base survives an odd exponent; a fractional one has no real result.
  const I32 negative = AsI32(x) < 0;
  const I32 whole = Round(y) == y;
  const F32 half = y * 0.5f;
  const I32 odd = whole & (Round(half) != half) & (Abs(y) < 0x1p24f);
  r = Select(negative & odd, -r, r);
  r = Select((x < 0.0f) & (x > -kInf) & ~whole, Set1(__builtin_nanf("")), r);
  r = Select(x != x, x, Select(y != y, y, r));
  return Select((y == 0.0f) | (x == 1.0f), Set1(1.0f), r);
}

// sin(x + quarter * pi/2)
WHET_INLINE F32 SinOfQuarters(F32 x, int32_t quarter) {
  // Larger arguments need more digits of pi than two doubles hold; they are rare enough for one at a time.
  constexpr float kLargest = 0x1p20f;
  const I32 large = ~(Abs(x) <= kLargest);
  const F32 safe = Select(large, Zero(), x);
  F64Pair wide = Widen(safe);
  const F32 n = Round(safe * 0.636619772f);
  const F64Pair wide_n = Widen(n);
  // pi/2 = hi + lo, hi with 33 bits
  constexpr double kHi = 0x1.921fb54400000p+0, kLo = 0x1.0b4611a626331p-34;
  const F32 r =
      Narrow({(wide.lo - wide_n.lo * kHi) - wide_n.lo * kLo, (wide.hi - wide_n.hi * kHi) - wide_n.hi * kLo});
  const F32 z = r * r;
  F32 s = z * 2.717939196e-06f + -1.983929687e-04f;
  s = s * z + 8.333329111e-03f;
  s = s * z + -1.666666716e-01f;
  s = s * z * r + r;
  F32 c = z * -2.720677799e-07f + 2.479947761e-05f;
  c = c * z + -1.388888340e-03f;
  c = c * z + 4.166666791e-02f;
  c = c * z * z + (1.0f - z * 0.5f);
  const I32 q = ConvertToI32(n) + quarter;
  F32 y = Select((q & 1) != 0, c, s);
  y = AsF32(AsI32(y) ^ ((q & 2) << 30));
  for (int i = 0; i < kLanes; ++i) {
    if (large[i]) y[i] = quarter != 0 ? __builtin_cosf(x[i]) : __builtin_sinf(x[i]);
  }
  return quarter == 0 ? Select(x == 0.0f, x, y) : y;  // keeps the sign of zero
}
WHET_INLINE F32 Sin(F32 x) { return SinOfQuarters(x, 0); }
WHET_INLINE F32 Cos(F32 x) { return SinOfQuarters(x, 1); }

}  // namespace whet::kernels::WHET_ISA
