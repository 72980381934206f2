// The inner loop of the integer products: a tile of up to kDotRows x kDotVectors vectors of sums is kept in
// registers while the whole of K runs past. Include it only from *_dot_isa.cc files.
//
// K is cut into groups, and a lane's sum grows by the dot product of a group at a time. There are two kinds:
//   quads  of four bytes, where the processor multiplies bytes (VNNI: A unsigned, B signed; Arm's dot
//   product:
//          both signed)
//   pairs  of 16-bit integers elsewhere: A is widened beforehand, B while it is loaded
// Nothing saturates: sums are exact modulo 2^32, so in whichever order they are made, they are the same.
//
// Of A, a group is four bytes that are broadcast; its rows are given by pointers, one list for every segment
// of K that is contiguous in memory. B is packed: panels as wide as the tile (the last is as many vectors
// wide as it needs), each [group][column][element of the group], of bytes, or of 16-bit integers. What A
// holds beyond the end of a segment is multiplied by the zeros that B is filled up with.
#pragma once

#include <type_traits>

#include "kernels/requantize/pack_bytes.h"
#include "kernels/simd/pairs.h"
#include "kernels/simd/simd.h"

#if defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif

namespace whet::kernels::WHET_ISA {

#if defined(__AVX512VNNI__) || defined(__ARM_FEATURE_DOTPROD)
inline constexpr int kDotGroup = 4;
#else
inline constexpr int kDotGroup = 2;
#endif

#if defined(__AVX512F__)
inline constexpr int kDotRows = 12;
inline constexpr int kDotVectors = 2;
#elif defined(__AVX2__)
inline constexpr int kDotRows = 6;
inline constexpr int kDotVectors = 2;
#elif defined(__ARM_FEATURE_DOTPROD)
inline constexpr int kDotRows = 6;
inline constexpr int kDotVectors = 4;
#else
inline constexpr int kDotRows = 4;
inline constexpr int kDotVectors = 2;
#endif
inline constexpr int kDotColumns = kDotVectors * kLanes;

struct DotTileArgs {
  const uint8_t* const* a;  // [segment][row]
  int64_t rows;             // of the list; those of the tile
  int64_t segments;
  int64_t groups;  // of a segment
  const int8_t* b;
  int32_t* sums;  // [row][kDotColumns]
  // Instead of the sums, for tiles that quantize them; pointers are at the tile's first column.
  const int32_t* offset;
  const float* multiplier;
  bool signed_output;
  int32_t zero_point, low, high;
  uint8_t* output;
  int64_t out_stride;
  int64_t columns;
};

// What becomes of a tile's sums: they are stored, or completed and stored as 8-bit steps.
struct StoreSums {};
struct StoreSteps {};

using DotTileFn = void (*)(const DotTileArgs& args);

// sum + a . b for the group in each lane.
WHET_INLINE I32 Dot(I32 sum, I32 a, I32 b) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<I32>(_mm512_dpbusd_epi32(
      reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__ARM_FEATURE_DOTPROD)
  return reinterpret_cast<I32>(vdotq_s32(reinterpret_cast<int32x4_t>(sum), reinterpret_cast<int8x16_t>(a),
                                         reinterpret_cast<int8x16_t>(b)));
#else
  return DotPairs(sum, a, b);
#endif
}

// The groups of kLanes columns of B.
WHET_INLINE I32 LoadColumns(const int8_t* p) {
  if constexpr (kDotGroup == 2) return LoadSignedPairs(p);
  I32 v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

// The two kinds of B that there are: how many bytes a column's group has, and how it becomes part of a sum.
struct ByteProduct {
  static constexpr int kGroupBytes = kDotGroup;
  WHET_INLINE I32 Load(const int8_t* p) { return LoadColumns(p); }
  WHET_INLINE I32 Add(I32 sum, I32 a, I32 b) { return Dot(sum, a, b); }
};
struct PairProduct {
  static constexpr int kGroupBytes = 4;
  WHET_INLINE I32 Load(const int8_t* p) {
    I32 v;
    std::memcpy(&v, p, sizeof(v));
    return v;
  }
  WHET_INLINE I32 Add(I32 sum, I32 a, I32 b) { return DotPairs(sum, a, b); }
};

// Steps groups of K; step s adds to acc[s % kChains]: a tile of few sums needs several chains of additions to
// hide the latency of the dot product.
template <typename Product, int kRows, int kVectors, int kChains, int kSteps>
WHET_INLINE void DotSteps(I32 (&acc)[kChains][kRows][kVectors], const uint8_t* const (&a)[kRows],
                          int64_t offset, const int8_t* b) {
#pragma GCC unroll 16
  for (int s = 0; s < kSteps; ++s) {
    I32 columns[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      columns[v] = Product::Load(b + (s * kVectors + v) * kLanes * Product::kGroupBytes);
      // Else the compiler makes the load a part of every product.
      WHET_KEEP_IN_REGISTER(columns[v]);
    }
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) {
      int32_t group;
      std::memcpy(&group, a[i] + offset + 4 * s, sizeof(group));
      const I32 x = Set1(group);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        I32 sum = Product::Add(acc[s % kChains][i][v], x, columns[v]);
        if constexpr (kVectorRegisters < 32) WHET_KEEP_IN_REGISTER(sum);
        acc[s % kChains][i][v] = sum;
      }
    }
  }
}

template <int kRows, int kVectors>
WHET_INLINE void FinishDots(StoreSums, const DotTileArgs& args, const I32 (&acc)[kRows][kVectors]) {
#pragma GCC unroll 32
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) StoreI32(args.sums + i * kDotColumns + v * kLanes, acc[i][v]);
  }
}
#if defined(__AVX2__)
// Where a tile's steps go; a copy of what DotTileArgs says, which stores of bytes cannot change.
struct RowsOfSteps {
  uint8_t* output;
  int64_t stride;
  bool whole;
  Count columns;
};
// Stores row i, the kPart-th part of the vector.
template <int kRowBytes, int kPart>
WHET_INLINE void StoreRow(const RowsOfSteps& rows, int i, Wide bytes) {
  uint8_t* to = rows.output + i * rows.stride;
  if (rows.whole) {
    StorePart<kRowBytes, kPart>(to, bytes);
  } else {
    StoreSome(to, bytes, kPart * kRowBytes, rows.columns);
  }
}

template <int kRows, int kVectors>
WHET_INLINE void FinishDots(StoreSteps, const DotTileArgs& args, const I32 (&acc)[kRows][kVectors]) {
  static_assert(kVectors <= 2);
  constexpr int kRowsAtOnce = 4 / kVectors;
  const PackedSteps steps(args.signed_output, args.zero_point, args.low, args.high);
  constexpr int kRowBytes = kVectors * kLanes;
  const RowsOfSteps rows{args.output, args.out_stride, args.columns == kRowBytes, CountOf(args.columns)};
  F32 multiplier[kVectors];
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) multiplier[v] = Load(args.multiplier + v * kLanes);
#pragma GCC unroll 32
  for (int i = 0; i < kRows; i += kRowsAtOnce) {
    F32 x[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const int row = i + k / kVectors < kRows ? i + k / kVectors : kRows - 1;
      x[k] = ConvertToF32(acc[row][k % kVectors]) * multiplier[k % kVectors];
    }
    const Wide bytes = PackedSteps::PackInOrder(steps, x[0], x[1], x[2], x[3]);
    StoreRow<kRowBytes, 0>(rows, i, bytes);
    if (i + 1 < kRows) StoreRow<kRowBytes, 1>(rows, i + 1, bytes);
    if constexpr (kRowsAtOnce == 4) {
      if (i + 2 < kRows) StoreRow<kRowBytes, 2>(rows, i + 2, bytes);
      if (i + 3 < kRows) StoreRow<kRowBytes, 3>(rows, i + 3, bytes);
    }
  }
}
#endif

template <typename Product, typename Output, int kRows, int kVectors>
void DotTile(const DotTileArgs& args) {
  constexpr int kSums = kRows * kVectors;
  constexpr int kChains = kSums >= 8 ? 1 : kSums >= 4 ? 2 : 4;
  constexpr int kUnroll = kSums >= 16 ? 2 : 4;
  constexpr int64_t kStep = kVectors * kLanes * Product::kGroupBytes;
  I32 acc[kChains][kRows][kVectors] = {};
  if constexpr (!std::is_same_v<Output, StoreSums>) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const I32 offset = LoadI32(args.offset + v * kLanes);
#pragma GCC unroll 32
      for (int i = 0; i < kRows; ++i) acc[0][i][v] = offset;
    }
  }
  const int8_t* b = args.b;
  const uint8_t* const* list = args.a;
  const int64_t groups = args.groups;
  for (int64_t segment = args.segments; segment > 0; --segment) {
    const uint8_t* a[kRows];
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) a[i] = list[i];
    list += args.rows;
    int64_t k = 0;
    for (; k + kUnroll <= groups; k += kUnroll) {
      DotSteps<Product, kRows, kVectors, kChains, kUnroll>(acc, a, 4 * k, b);
      b += kUnroll * kStep;
    }
    for (; k < groups; ++k) {
      DotSteps<Product, kRows, kVectors, kChains, 1>(acc, a, 4 * k, b);
      b += kStep;
    }
  }
#pragma GCC unroll 4
  for (int s = 1; s < kChains; ++s) {
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[0][i][v] += acc[s][i][v];
    }
  }
  FinishDots(Output{}, args, acc[0]);
}

// Any number of rows up to kDotRows, of vectors up to kDotVectors.
template <typename Product, typename Output>
struct DotTiles {
  DotTileFn fn[kDotVectors][kDotRows];
  constexpr DotTiles() : fn{} { FillVectors<kDotVectors>(); }
  template <int kV>
  constexpr void FillVectors() {
    if constexpr (kV > 0) {
      FillRows<kDotRows, kV>();
      FillVectors<kV - 1>();
    }
  }
  template <int kR, int kV>
  constexpr void FillRows() {
    if constexpr (kR > 0) {
      fn[kV - 1][kR - 1] = &DotTile<Product, Output, kR, kV>;
      FillRows<kR - 1, kV>();
    }
  }
};

}  // namespace whet::kernels::WHET_ISA
