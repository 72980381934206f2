#include "kernels/quantized/quantize.h"

#include "kernels/requantize/bytes_simd.h"

namespace whet::kernels::WHET_ISA {

void Quantize(const Args& args, int64_t begin, int64_t end);

namespace {

using quantize::Params;

template <typename T>
struct Limits;
template <>
struct Limits<int8_t> {
  static constexpr int32_t kLow = -128, kHigh = 127;
};
template <>
struct Limits<uint8_t> {
  static constexpr int32_t kLow = 0, kHigh = 255;
};
template <>
struct Limits<int16_t> {
  static constexpr int32_t kLow = -32768, kHigh = 32767;
};
template <>
struct Limits<uint16_t> {
  static constexpr int32_t kLow = 0, kHigh = 65535;
};

WHET_INLINE I32 LoadIntegers(const int32_t* p) { return LoadI32(p); }
template <typename T>
WHET_INLINE I32 LoadIntegers(const T* p) {
  return LoadNarrow(p);
}
// The first n lanes.
template <typename T>
WHET_INLINE I32 LoadIntegersPartial(const T* p, int64_t n) {
  T values[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) values[i] = p[i];
  return LoadIntegers(values);
}

WHET_INLINE bool AnyLane(I32 mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0;
#else
  return (mask[0] | mask[1] | mask[2] | mask[3]) != 0;
#endif
}

// x / scale in steps. Division is slow, so the product with the reciprocal stands in for it where both must
// round to the same integer: of numbers up to 2^9 the two differ by less than 2^-13, which matters only next
// to the middle between two integers.
struct ByReciprocal {
  F32 scale, reciprocal;
  Steps steps;
  I32 operator()(F32 x) const {
    F32 ratio = Limit(x * reciprocal);
    const F32 distance = Abs(ratio - Round(ratio));
    if (AnyLane(distance > 0.5f - 0x1p-12f)) [[unlikely]]
      ratio = Limit(x / scale);
    return RoundToI32(ratio) + steps.zero_point;
  }
  F32 Limit(F32 ratio) const { return Min(Max(ratio, steps.bottom), steps.top); }
};
struct ByDivision {
  F32 scale;
  Steps steps;
  I32 operator()(F32 x) const { return ToSteps(x / scale, steps); }
};

template <typename T, typename ToInteger>
void QuantizeRow(const float* in, T* out, int64_t n, const ToInteger& to_integer) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) StoreNarrow(out + i, to_integer(Load(in + i)));
  if (i < n) StoreNarrowPartial(out + i, to_integer(LoadPartial(in + i, n - i)), n - i);
}

template <typename T>
void QuantizeByRow(const float* in, T* out, int64_t n, float scale, const T* zero_point) {
  const Steps steps = MakeSteps(zero_point != nullptr ? *zero_point : 0, Limits<T>::kLow, Limits<T>::kHigh);
  // The reciprocal of others may not be a normal number.
  const bool ordinary = scale > 0x1p-100f && scale < 0x1p100f;
  if (sizeof(T) == 1 && ordinary) {
    QuantizeRow(in, out, n, ByReciprocal{Set1(scale), Set1(1.0f / scale), steps});
  } else {
    QuantizeRow(in, out, n, ByDivision{Set1(scale), steps});
  }
}

// One scale and zero point per element.
template <typename T>
void QuantizeByColumn(const float* in, T* out, int64_t n, const float* scale, const T* zero_point) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    const I32 zero = zero_point != nullptr ? LoadIntegersPartial(zero_point + i, lanes) : I32{};
    const Steps steps{ConvertToF32(Limits<T>::kLow - zero), ConvertToF32(Limits<T>::kHigh - zero), zero};
    const I32 q = ToSteps(LoadPartial(in + i, lanes) / LoadPartial(scale + i, lanes), steps);
    StoreNarrowPartial(out + i, q, lanes);
  }
}

// An i32 may be too far from its zero point for an i32; the difference wraps.
template <typename T>
void DequantizeByRow(const T* in, float* out, int64_t n, float scale, const T* zero_point) {
  const I32 zero = Set1(zero_point != nullptr ? int32_t{*zero_point} : 0);
  const F32 s = Set1(scale);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) Store(out + i, ConvertToF32(LoadIntegers(in + i) - zero) * s);
  if (i < n) StorePartial(out + i, ConvertToF32(LoadIntegersPartial(in + i, n - i) - zero) * s, n - i);
}

template <typename T>
void DequantizeByColumn(const T* in, float* out, int64_t n, const float* scale, const T* zero_point) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = n - i < kLanes ? n - i : kLanes;
    const I32 zero = zero_point != nullptr ? LoadIntegersPartial(zero_point + i, lanes) : I32{};
    const I32 steps = LoadIntegersPartial(in + i, lanes) - zero;
    StorePartial(out + i, ConvertToF32(steps) * LoadPartial(scale + i, lanes), lanes);
  }
}

// Only dequantization has i32: as QuantizeRow is for types that it has limits for.
template <typename T>
inline constexpr bool kQuantizes = true;
template <>
inline constexpr bool kQuantizes<int32_t> = false;

template <typename T, bool kPerColumn>
void Row(const Params& p, const Args& args, int64_t at, int64_t n, int64_t channel) {
  const float* scale = static_cast<const float*>(args.operands[2]) + channel;
  const T* zero_point = static_cast<const T*>(args.operands[3]);
  if (zero_point != nullptr) zero_point += channel;
  if (p.inverse != 0) {
    const T* in = static_cast<const T*>(args.operands[1]) + at;
    float* out = static_cast<float*>(args.operands[0]) + at;
    if constexpr (kPerColumn) {
      DequantizeByColumn(in, out, n, scale, zero_point);
    } else {
      DequantizeByRow(in, out, n, *scale, zero_point);
    }
  } else if constexpr (kQuantizes<T>) {
    const float* in = static_cast<const float*>(args.operands[1]) + at;
    T* out = static_cast<T*>(args.operands[0]) + at;
    if constexpr (kPerColumn) {
      QuantizeByColumn(in, out, n, scale, zero_point);
    } else {
      QuantizeByRow(in, out, n, *scale, zero_point);
    }
  }
}

template <typename T>
void Units(const Params& p, const Args& args, int64_t begin, int64_t end) {
  const bool per_column = p.inner == 1;
  const int64_t width = per_column ? p.channels : p.inner;
  const int64_t blocks = (width + p.block - 1) / p.block;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t row = unit / blocks, first = unit % blocks * p.block;
    const int64_t n = width - first < p.block ? width - first : p.block;
    if (per_column) {
      Row<T, true>(p, args, row * width + first, n, first);
    } else {
      Row<T, false>(p, args, row * width + first, n, row % p.channels);
    }
  }
}

}  // namespace

void Quantize(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  switch (p.type) {
    case DType::kI8: return Units<int8_t>(p, args, begin, end);
    case DType::kU8: return Units<uint8_t>(p, args, begin, end);
    case DType::kI16: return Units<int16_t>(p, args, begin, end);
    case DType::kU16: return Units<uint16_t>(p, args, begin, end);
    default: return Units<int32_t>(p, args, begin, end);
  }
}

}  // namespace whet::kernels::WHET_ISA
