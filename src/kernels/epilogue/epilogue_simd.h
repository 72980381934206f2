// The epilogue over vectors. Include it only from *_isa.cc.
//
// It has two halves. What costs an instruction or two (clip, leaky and parametric ReLU) is done on sums that
// are still in registers. The other activations are done by FinishRows on the stored tile while that is in
// L1: inlined into every tile they would cost more code than they save time.
#pragma once

#include "kernels/epilogue/epilogue.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

WHET_INLINE bool NeedsFinish(const Epilogue& epilogue) {
  return epilogue.activation >= Activation::kHardSwish;
}

// Whether the residual is added to sums in registers; else it is absent or FinishRows' task.
WHET_INLINE bool AddsResidualInRegisters(const Epilogue& epilogue) {
  return epilogue.residual == Residual::kBeforeActivation ||
         (epilogue.residual == Residual::kAfterActivation && !NeedsFinish(epilogue));
}

// The sums of kRows x kVectors, finished in registers. Bias is in them already. `slope` is that of the first
// column, or null; `residual` may be null. Elements of vectors beyond the tile's columns come out arbitrary.
template <int kRows, int kVectors>
WHET_INLINE void ApplyInRegisters(const Epilogue& epilogue, F32 (&acc)[kRows][kVectors], const float* slope) {
  if (epilogue.activation == Activation::kClip) {
    const F32 low = Set1(epilogue.a);
    const F32 high = Set1(epilogue.b);
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[i][v] = Min(high, Max(low, acc[i][v]));
    }
  } else if (epilogue.activation == Activation::kLeaky || epilogue.activation == Activation::kPRelu) {
    F32 factor[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      factor[v] = epilogue.activation == Activation::kLeaky ? Set1(epilogue.a) : Load(slope + v * kLanes);
    }
#pragma GCC unroll 32
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v)
        acc[i][v] = Select(acc[i][v] < 0.0f, acc[i][v] * factor[v], acc[i][v]);
    }
  }
}

// For activations of NeedsFinish: activation and a residual after it, in place on `rows` x `columns` of c.
// `residual` is null unless it is to be added after the activation, else that of c's first element.
void FinishRows(const Epilogue& epilogue, float* c, int64_t ldc, int64_t rows, int64_t columns,
                const float* residual, int64_t ldr);

}  // namespace whet::kernels::WHET_ISA
