// The inner loop of every matrix product in f32: a tile of up to kTileRows x kTileVectors vectors of C is
// kept in registers while the whole of K runs past. Include it only from *_isa.cc.
//
// A is read in place, one pointer a row, an element at a time (broadcast): a convolution's rows are pixels
// that need not lie at regular distances, so the pointers come from a list, and there is one list for every
// segment of K that is contiguous in memory (a matrix has one segment, a 3x3 convolution nine or three).
// B is read a row of the panel at a time. Packed panels are as wide as the tile, except the last, which is as
// many vectors wide as it needs; so the only partial vector is the last one of the last panel.
#pragma once

#include "kernels/epilogue/epilogue_simd.h"
#include "kernels/simd/broadcast.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

struct TileArgs {
  const float* const* a;  // [segment][row]
  int64_t rows;           // of the list; those of the tile
  int64_t segments;
  int64_t length;  // of a segment
  const float* b;
  int64_t ldb;  // floats from one k to the next
  float* c;
  int64_t ldc;
  int64_t columns;
  const float* bias;  // this and the following at the tile's first column; or null
  const float* slope;
  const float* residual;  // at the tile's first row and column
  int64_t ldr;
  const Epilogue* epilogue;
};

using TileFn = void (*)(const TileArgs& args);

// acc += A[:, k..k+kSteps) B[k..k+kSteps, :]; step s adds to acc[s % kChains]: a tile of few sums needs
// several chains of additions to hide the latency of the multiply-add.
template <int kRows, int kVectors, int kChains, int kSteps>
WHET_INLINE void Steps(F32 (&acc)[kChains][kRows][kVectors], const float* const (&a)[kRows], int64_t k,
                       const float* b, int64_t ldb) {
#pragma GCC unroll 16
  for (int s = 0; s < kSteps; ++s) {
    F32 bv[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) bv[v] = Load(b + s * ldb + v * kLanes);
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) {
      const F32 x = Broadcast(a[i] + k + s);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        F32 sum = acc[s % kChains][i][v] + x * bv[v];
        // With few registers, overlapping the steps makes the compiler spill; the processor overlaps them
        // anyway.
        if constexpr (kVectorRegisters < 32) WHET_KEEP_IN_REGISTER(sum);
        acc[s % kChains][i][v] = sum;
      }
    }
  }
}

template <int kRows, int kVectors, bool kPacked>
void Tile(const TileArgs& args) {
  constexpr int kSums = kRows * kVectors;
  constexpr int kChains = kSums >= 8 ? 1 : kSums >= 4 ? 2 : 4;
  constexpr int kUnroll = kSums >= 16 ? 2 : 4;
  F32 acc[kChains][kRows][kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const F32 bias = args.bias != nullptr ? Load(args.bias + v * kLanes) : Zero();
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) {
      acc[0][i][v] = bias;
#pragma GCC unroll 4
      for (int s = 1; s < kChains; ++s) acc[s][i][v] = Zero();
    }
  }

  const int64_t ldb = kPacked ? kVectors * kLanes : args.ldb;
  const int64_t length = args.length;
  const float* b = args.b;
  const float* const* list = args.a;
  for (int64_t segment = args.segments; segment > 0; --segment) {
    const float* a[kRows];
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) a[i] = list[i];
    list += args.rows;
    int64_t k = 0;
    for (; k + kUnroll <= length; k += kUnroll) {
      Steps<kRows, kVectors, kChains, kUnroll>(acc, a, k, b, ldb);
      b += kUnroll * ldb;
    }
    for (; k < length; ++k) {
      Steps<kRows, kVectors, kChains, 1>(acc, a, k, b, ldb);
      b += ldb;
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

  const Epilogue& epilogue = *args.epilogue;
  const int64_t last = args.columns - (kVectors - 1) * kLanes;  // columns of the last vector
  const auto add_residual = [&] {
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) {
      const float* r = args.residual + i * args.ldr;
#pragma GCC unroll 8
      for (int v = 0; v < kVectors - 1; ++v) acc[0][i][v] += Load(r + v * kLanes);
      acc[0][i][kVectors - 1] += LoadPartial(r + (kVectors - 1) * kLanes, last);
    }
  };
  const bool after = epilogue.residual == Residual::kAfterActivation;
  if (epilogue.residual == Residual::kBeforeActivation) add_residual();
  ApplyInRegisters(epilogue, acc[0], args.slope);
  if (after && !NeedsFinish(epilogue)) add_residual();

  float* c = args.c;
#pragma GCC unroll 32
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors - 1; ++v) Store(c + v * kLanes, acc[0][i][v]);
    if (last == kLanes) {
      Store(c + (kVectors - 1) * kLanes, acc[0][i][kVectors - 1]);
    } else {
      StorePartial(c + (kVectors - 1) * kLanes, acc[0][i][kVectors - 1], last);
    }
    c += args.ldc;
  }
  if (NeedsFinish(epilogue)) {
    FinishRows(epilogue, args.c, args.ldc, kRows, args.columns, after ? args.residual : nullptr, args.ldr);
  }
}

// The tiles of a row of the table: any number of rows up to kRows, of vectors up to kVectors.
template <int kRows, int kVectors, bool kPacked>
struct Tiles {
  TileFn fn[kVectors][kRows];
  constexpr Tiles() : fn{} { FillVectors<kVectors>(); }
  template <int kV>
  constexpr void FillVectors() {
    if constexpr (kV > 0) {
      FillRows<kRows, kV>();
      FillVectors<kV - 1>();
    }
  }
  template <int kR, int kV>
  constexpr void FillRows() {
    if constexpr (kR > 0) {
      fn[kV - 1][kR - 1] = &Tile<kR, kV, kPacked>;
      FillRows<kR - 1, kV>();
    }
  }
};

}  // namespace whet::kernels::WHET_ISA
