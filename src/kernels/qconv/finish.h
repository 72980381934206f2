// From the sums of a tile to its outputs. Include it only from *_dot_isa.cc files.
#pragma once

#include "kernels/qconv/dot_tile.h"
#include "kernels/qconv/qconv.h"
#include "kernels/requantize/bytes_simd.h"
#include "kernels/requantize/pack_bytes.h"
#include "kernels/requantize/requantize_simd.h"

namespace whet::kernels::WHET_ISA {

#if defined(__AVX512VNNI__)
inline constexpr qconv::Elements kElements = qconv::Elements::kUnsigned;
#elif defined(__ARM_FEATURE_DOTPROD)
inline constexpr qconv::Elements kElements = qconv::Elements::kSigned;
#else
inline constexpr qconv::Elements kElements = qconv::Elements::kWidened;
#endif

// What the inner loop adds to an element of the input.
WHET_INLINE int32_t ShiftOf(bool is_signed) {
  if (kElements == qconv::Elements::kUnsigned && is_signed) return 128;
  if (kElements == qconv::Elements::kSigned && !is_signed) return -128;
  return 0;
}

// The input's zero point, from its operand or the params.
WHET_INLINE int32_t InputZeroOf(const qconv::Params& p, const void* operand) {
  if (operand == nullptr) return p.input_zero;
  const uint8_t byte = *static_cast<const uint8_t*>(operand);
  return p.input == DType::kI8 ? static_cast<int8_t>(byte) : byte;
}

// What a tile's sums still need; pointers are at the tile's first column.
struct Finish {
  const int32_t* offset;
  const float* multiplier;
  const int32_t* weight_zero;  // or null
  const float* bias;           // or null
  const int32_t* weight_sums;  // or null: the offset is complete
  int32_t input_zero;          // with weight_sums; as the inner loop takes it
  const float* input_scale;    // or null
  const int32_t* sums;         // [row]
  int64_t sums_stride;         // from a row to the next
  const int32_t* input_sums;   // [row]; with weight_zero
  int64_t rows;
  int64_t columns;
  int64_t out_stride;
};

// Calls store(row, column, lanes, sums) for the vectors of the tile, with begin(column) before each column's.
template <typename Begin, typename Store>
WHET_INLINE void ForVectors(const Finish& f, Begin begin, Store store) {
  for (int64_t j = 0; j < f.columns; j += kLanes) {
    const int64_t left = f.columns - j;
    I32 offset = LoadI32(f.offset + j);
    if (f.weight_sums != nullptr) offset -= LoadI32(f.weight_sums + j) * f.input_zero;
    begin(j);
    for (int64_t i = 0; i < f.rows; ++i) {
      I32 sum = LoadI32(f.sums + i * f.sums_stride + j) + offset;
      if (f.weight_zero != nullptr) sum -= LoadI32(f.weight_zero + j) * f.input_sums[i];
      store(i, j, left < kLanes ? left : kLanes, sum);
    }
  }
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// A vector of sums of row i, completed and scaled.
WHET_INLINE F32 Scaled(const Finish& f, int64_t i, int64_t j, I32 offset, F32 multiplier) {
  I32 sum = LoadI32(f.sums + i * f.sums_stride + j) + offset;
  if (f.weight_zero != nullptr) sum -= LoadI32(f.weight_zero + j) * f.input_sums[i];
  return ConvertToF32(sum) * multiplier;
}
WHET_INLINE I32 OffsetAt(const Finish& f, int64_t j) {
  I32 offset = LoadI32(f.offset + j);
  if (f.weight_sums != nullptr) offset -= LoadI32(f.weight_sums + j) * f.input_zero;
  return offset;
}

// Rows of one or two whole vectors, four vectors at once. Where rows are left over, the last one is done
// again.
static void FinishWhole(const Finish& f, const qconv::Params& p, uint8_t* output) {
  const PackedSteps steps(p.output == DType::kI8, p.output_zero, p.low, p.high);
  const auto store = [&](int64_t row, auto part) {
    std::memcpy(output + row * f.out_stride, &part, sizeof(part));
  };
  const auto at_most = [](int64_t a, int64_t b) { return a < b ? a : b; };
  const int64_t last = f.rows - 1;
  const I32 offset = OffsetAt(f, 0);
  const F32 multiplier = Load(f.multiplier);
  if (f.columns == kLanes) {
    for (int64_t i = 0; i < f.rows; i += 4) {
      const int64_t rows[4] = {i, at_most(i + 1, last), at_most(i + 2, last), at_most(i + 3, last)};
      const __m256i bytes = PackedSteps::PackInOrder(
          steps, Scaled(f, rows[0], 0, offset, multiplier), Scaled(f, rows[1], 0, offset, multiplier),
          Scaled(f, rows[2], 0, offset, multiplier), Scaled(f, rows[3], 0, offset, multiplier));
      store(rows[0], _mm256_extract_epi64(bytes, 0));
      store(rows[1], _mm256_extract_epi64(bytes, 1));
      store(rows[2], _mm256_extract_epi64(bytes, 2));
      store(rows[3], _mm256_extract_epi64(bytes, 3));
    }
    return;
  }
  const I32 offset1 = OffsetAt(f, kLanes);
  const F32 multiplier1 = Load(f.multiplier + kLanes);
  for (int64_t i = 0; i < f.rows; i += 2) {
    const int64_t second = at_most(i + 1, last);
    const __m256i bytes = PackedSteps::PackInOrder(
        steps, Scaled(f, i, 0, offset, multiplier), Scaled(f, i, kLanes, offset1, multiplier1),
        Scaled(f, second, 0, offset, multiplier), Scaled(f, second, kLanes, offset1, multiplier1));
    store(i, _mm256_castsi256_si128(bytes));
    store(second, _mm256_extracti128_si256(bytes, 1));
  }
}
#endif

static void FinishSteps(const Finish& f, const qconv::Params& p, uint8_t* output) {
  if (f.multiplier == nullptr) __builtin_unreachable();  // only sums are not multiplied
#if defined(__AVX2__) && !defined(__AVX512F__)
  if (f.columns == kLanes || f.columns == 2 * kLanes) return FinishWhole(f, p, output);
#endif
  const Steps steps = MakeSteps(p.output_zero, p.low, p.high);
  F32 multiplier;
  ForVectors(
      f, [&](int64_t j) { multiplier = Load(f.multiplier + j); },
      [&](int64_t i, int64_t j, int64_t lanes, I32 sum) {
        const I32 y = Requantize(sum, multiplier, steps);
        uint8_t* to = output + i * f.out_stride + j;
        if (lanes == kLanes) {
          StoreBytes(to, y);
        } else {
          StoreBytesPartial(to, y, lanes);
        }
      });
}

static void FinishFloats(const Finish& f, float* output) {
  if (f.multiplier == nullptr) __builtin_unreachable();
  F32 multiplier;
  F32 bias = Zero();
  ForVectors(
      f,
      [&](int64_t j) {
        multiplier = Load(f.multiplier + j);
        if (f.input_scale != nullptr) multiplier = multiplier * *f.input_scale;
        if (f.bias != nullptr) bias = Load(f.bias + j);
      },
      [&](int64_t i, int64_t j, int64_t lanes, I32 sum) {
        F32 y = ConvertToF32(sum) * multiplier;
        if (f.bias != nullptr) y = y + bias;
        StorePartial(output + i * f.out_stride + j, y, lanes);
      });
}

static void FinishSums(const Finish& f, int32_t* output) {
  ForVectors(
      f, [](int64_t) {},
      [&](int64_t i, int64_t j, int64_t lanes, I32 sum) {
        // As floats, whose bits are only moved.
        StorePartial(reinterpret_cast<float*>(output + i * f.out_stride + j), AsF32(sum), lanes);
      });
}

// `at`: the output's element that the tile begins with.
static void FinishTile(const Finish& f, const qconv::Params& p, void* output, int64_t at) {
  switch (p.output) {
    case DType::kI8:
    case DType::kU8: FinishSteps(f, p, static_cast<uint8_t*>(output) + at); break;
    case DType::kF32: FinishFloats(f, static_cast<float*>(output) + at); break;
    default: FinishSums(f, static_cast<int32_t*>(output) + at); break;
  }
}

}  // namespace whet::kernels::WHET_ISA
