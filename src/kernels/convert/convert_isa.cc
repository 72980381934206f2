#include "kernels/convert/convert.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void Convert(const Args& args, int64_t begin, int64_t end);

namespace {

using convert::Params;

// Types of their own for what C++ has no type for, so that overloads tell them from integers.
struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};
struct Boolean {
  uint8_t value;
};

// Written without branches, for the compiler to turn the loops over them into vector code.
WHET_INLINE uint32_t Bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  return bits;
}
WHET_INLINE float FromBits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof(x));
  return x;
}

template <typename From, typename To>
WHET_INLINE void One(From x, To* y) {
  *y = static_cast<To>(x);
}
template <typename From>
WHET_INLINE void One(From x, Boolean* y) {
  y->value = x != From{0};
}
template <typename To>
WHET_INLINE void One(Boolean x, To* y) {
  *y = static_cast<To>(x.value);
}
WHET_INLINE void One(float x, int64_t* y) { *y = x == x ? static_cast<int64_t>(x) : 0; }
WHET_INLINE void One(float x, int32_t* y) { *y = x == x ? static_cast<int32_t>(x) : 0; }
template <typename Narrow>
WHET_INLINE void OneNarrow(float x, Narrow* y) {
  *y = static_cast<Narrow>(x == x ? static_cast<int32_t>(x) : 0);
}
WHET_INLINE void One(float x, int8_t* y) { OneNarrow(x, y); }
WHET_INLINE void One(float x, uint8_t* y) { OneNarrow(x, y); }
WHET_INLINE void One(float x, int16_t* y) { OneNarrow(x, y); }
WHET_INLINE void One(float x, uint16_t* y) { OneNarrow(x, y); }
WHET_INLINE void One(Brain x, float* y) { *y = FromBits(uint32_t{x.bits} << 16); }
WHET_INLINE void One(float x, Brain* y) {
  const uint32_t bits = Bits(x);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const uint32_t nan = (bits >> 16) | 0x40;
  y->bits = static_cast<uint16_t>(x == x ? rounded : nan);
}
#if !defined(__AVX2__)
// The half's exponent and mantissa, moved into place, make a float that is 2^112 too small; infinity and NaN
// need the rest of the exponent bits.
WHET_INLINE void One(Half x, float* y) {
  const uint32_t magnitude = uint32_t{x.bits & 0x7fffu} << 13;
  const float scaled = FromBits(magnitude) * 0x1p112f;
  const uint32_t special = magnitude >= 0x0f800000 ? 0x7f800000 | magnitude : Bits(scaled);
  *y = FromBits(special | uint32_t{x.bits & 0x8000u} << 16);
}
WHET_INLINE void One(float x, Half* y) {
  const uint32_t sign = (Bits(x) >> 16) & 0x8000;
  const uint32_t magnitude = Bits(x) & 0x7fffffff;
  // Normal: rebias the exponent and round what is cut off to even.
  const uint32_t normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Subnormal: adding 1/2 puts the last bit of the half at the end of the sum, rounded.
  const uint32_t subnormal = Bits(FromBits(magnitude) + 0.5f) - 0x3f000000;
  uint32_t half = magnitude < 0x38800000 ? subnormal : normal;
  half = magnitude >= 0x477ff000 ? 0x7c00 : half;
  half = magnitude > 0x7f800000 ? 0x7e00 | ((magnitude >> 13) & 0x3ff) : half;
  y->bits = static_cast<uint16_t>(sign | half);
}
#endif

template <typename From, typename To>
void Loop(const void* input, void* output, int64_t begin, int64_t end) {
  const From* __restrict in = static_cast<const From*>(input);
  To* __restrict out = static_cast<To*>(output);
  for (int64_t i = begin; i < end; ++i) One(in[i], &out[i]);
}

#if defined(__AVX2__)
// The CPU has instructions for these.
template <>
void Loop<Half, float>(const void* input, void* output, int64_t begin, int64_t end) {
  const uint16_t* in = static_cast<const uint16_t*>(input);
  float* out = static_cast<float*>(output);
  int64_t i = begin;
  for (; i + 8 <= end; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i))));
  }
  for (; i < end; ++i) out[i] = _cvtsh_ss(in[i]);
}
template <>
void Loop<float, Half>(const void* input, void* output, int64_t begin, int64_t end) {
  const float* in = static_cast<const float*>(input);
  uint16_t* out = static_cast<uint16_t*>(output);
  int64_t i = begin;
  for (; i + 8 <= end; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  for (; i < end; ++i) out[i] = _cvtss_sh(in[i], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
#endif

using LoopFn = void (*)(const void*, void*, int64_t, int64_t);

LoopFn FromF32(DType to) {
  switch (to) {
    case DType::kF16: return Loop<float, Half>;
    case DType::kBF16: return Loop<float, Brain>;
    case DType::kF64: return Loop<float, double>;
    case DType::kI8: return Loop<float, int8_t>;
    case DType::kU8: return Loop<float, uint8_t>;
    case DType::kI16: return Loop<float, int16_t>;
    case DType::kU16: return Loop<float, uint16_t>;
    case DType::kI32: return Loop<float, int32_t>;
    case DType::kI64: return Loop<float, int64_t>;
    default: return Loop<float, Boolean>;
  }
}
LoopFn ToF32(DType from) {
  switch (from) {
    case DType::kF16: return Loop<Half, float>;
    case DType::kBF16: return Loop<Brain, float>;
    case DType::kF64: return Loop<double, float>;
    case DType::kI8: return Loop<int8_t, float>;
    case DType::kU8: return Loop<uint8_t, float>;
    case DType::kI16: return Loop<int16_t, float>;
    case DType::kU16: return Loop<uint16_t, float>;
    case DType::kI32: return Loop<int32_t, float>;
    case DType::kI64: return Loop<int64_t, float>;
    default: return Loop<Boolean, float>;
  }
}
LoopFn BetweenIntegers(DType from, DType to) {
  if (from == DType::kI32) return to == DType::kI64 ? Loop<int32_t, int64_t> : Loop<int32_t, Boolean>;
  if (from == DType::kI64) return to == DType::kI32 ? Loop<int64_t, int32_t> : Loop<int64_t, Boolean>;
  return to == DType::kI32 ? Loop<Boolean, int32_t> : Loop<Boolean, int64_t>;
}

}  // namespace

void Convert(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const LoopFn loop = p.from == DType::kF32 ? FromF32(p.to)
                      : p.to == DType::kF32 ? ToF32(p.from)
                                            : BetweenIntegers(p.from, p.to);
  const int64_t last = end * p.block < p.elements ? end * p.block : p.elements;
  loop(args.operands[1], args.operands[0], begin * p.block, last);
}

}  // namespace whet::kernels::WHET_ISA
