#include "kernels/convert/quantize.h"
#include "kernels/simd/simd.h"

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

// One value per row, or (kPerColumn) one per element of it.
template <typename T, bool kPerColumn>
void QuantizeRow(const float* in, T* out, int64_t n, const float* scale, const T* zero_point) {
  constexpr int64_t kChunk = 256;
  int32_t wide[kChunk + kLanes];
  for (int64_t i = 0; i < n; i += kChunk) {
    const int64_t count = n - i < kChunk ? n - i : kChunk;
    for (int64_t k = 0; k < count; k += kLanes) {
      const int64_t lanes = count - k < kLanes ? count - k : kLanes;
      const F32 s = kPerColumn ? LoadPartial(scale + i + k, lanes) : Set1(*scale);
      const F32 x = Round(LoadPartial(in + i + k, lanes) / s);
      // Within the integers before the zero point is added; NaN becomes the lowest.
      const F32 limited = Min(Set1(1e6f), Max(x, Set1(-1e6f)));
      StoreI32(wide + k, ConvertToI32(limited));
    }
    if (kPerColumn) {
      for (int64_t k = 0; k < count; ++k) wide[k] += zero_point != nullptr ? zero_point[i + k] : 0;
    } else {
      const int32_t zero = zero_point != nullptr ? *zero_point : 0;
      for (int64_t k = 0; k < count; ++k) wide[k] += zero;
    }
    for (int64_t k = 0; k < count; ++k) {
      int32_t q = wide[k];
      q = q < Limits<T>::kLow ? Limits<T>::kLow : q;
      q = q > Limits<T>::kHigh ? Limits<T>::kHigh : q;
      out[i + k] = static_cast<T>(q);
    }
  }
}

template <typename T, bool kPerColumn>
void DequantizeRow(const T* __restrict in, float* __restrict out, int64_t n, const float* scale,
                   const T* zero_point) {
  if (kPerColumn && zero_point != nullptr) {
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i] - zero_point[i]) * scale[i];
  } else if (kPerColumn) {
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i]) * scale[i];
  } else {
    const int32_t zero = zero_point != nullptr ? *zero_point : 0;
    const float s = *scale;
    for (int64_t i = 0; i < n; ++i) {
      // An i32 may be too far from its zero point for an i32.
      const int32_t difference =
          static_cast<int32_t>(static_cast<uint32_t>(in[i]) - static_cast<uint32_t>(zero));
      out[i] = static_cast<float>(difference) * s;
    }
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
    DequantizeRow<T, kPerColumn>(static_cast<const T*>(args.operands[1]) + at,
                                 static_cast<float*>(args.operands[0]) + at, n, scale, zero_point);
  } else if constexpr (kQuantizes<T>) {
    QuantizeRow<T, kPerColumn>(static_cast<const float*>(args.operands[1]) + at,
                               static_cast<T*>(args.operands[0]) + at, n, scale, zero_point);
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
