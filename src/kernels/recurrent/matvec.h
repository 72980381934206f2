// The product of packed recurrent weights (pack.h) and a state vector. Include it only from *_isa.cc.
#pragma once

#include "kernels/recurrent/pack.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

inline constexpr int kUnitVectors = static_cast<int>(recurrent::kUnits) / kLanes;

// acc[gate][v] = the gates of one block of hidden units.
template <int kGates>
WHET_INLINE void MultiplyBlock(const float* packed, const float* state, int64_t hidden,
                               F32 (&acc)[kGates][kUnitVectors]) {
  // Two multiply-adds a cycle, each of which takes four, need eight that do not wait for each other.
  constexpr int kVectors = kGates * kUnitVectors;
  constexpr int kParts = kVectors >= 8 ? 1 : 8 / kVectors;
  F32 part[kParts][kVectors] = {};
  int64_t k = 0;
  for (; k + kParts <= hidden; k += kParts) {
#pragma GCC unroll 8
    for (int i = 0; i < kParts; ++i) {
      const F32 h = Set1(state[k + i]);
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) part[i][v] += Load(packed + v * kLanes) * h;
      packed += kVectors * kLanes;
    }
  }
  for (; k < hidden; ++k) {
    const F32 h = Set1(state[k]);
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) part[0][v] += Load(packed + v * kLanes) * h;
    packed += kVectors * kLanes;
  }
  for (int v = 0; v < kVectors; ++v) {
    F32 sum = part[0][v];
    for (int i = 1; i < kParts; ++i) sum += part[i][v];
    acc[v / kUnitVectors][v % kUnitVectors] = sum;
  }
}

// Lanes of the vector v of a block that stand for units below `hidden`.
WHET_INLINE int64_t UnitLanes(int64_t block, int v, int64_t hidden) {
  const int64_t left = hidden - block - v * kLanes;
  return left < 0 ? 0 : left < kLanes ? left : kLanes;
}

}  // namespace whet::kernels::WHET_ISA
