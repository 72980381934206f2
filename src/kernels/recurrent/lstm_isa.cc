#include "kernels/recurrent/lstm.h"
#include "kernels/recurrent/matvec.h"
#include "kernels/simd/math.h"

namespace whet::kernels::WHET_ISA {

void LstmF32(const Args& args, int64_t begin, int64_t end);

namespace {

using lstm::Params;
using recurrent::kUnits;

// The next state and cell of one block of units. `gates` is at the block's first unit.
WHET_INLINE void StepBlock(const float* packed, const float* state, int64_t hidden, int64_t block,
                           const float* gates, float* cell, float* next) {
  F32 acc[4][kUnitVectors];
  MultiplyBlock<4>(packed, state, hidden, acc);
  for (int v = 0; v < kUnitVectors; ++v) {
    const int64_t lanes = UnitLanes(block, v, hidden);
    F32 gate[4];
    for (int g = 0; g < 4; ++g) gate[g] = acc[g][v] + LoadPartial(gates + g * hidden + v * kLanes, lanes);
    const F32 c = Sigmoid(gate[2]) * Load(cell + v * kLanes) + Sigmoid(gate[0]) * Tanh(gate[3]);
    Store(cell + v * kLanes, c);
    Store(next + v * kLanes, Sigmoid(gate[1]) * Tanh(c));
  }
}

}  // namespace

void LstmF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const int64_t hidden = p.hidden;
  const int64_t padded = (hidden + kUnits - 1) / kUnits * kUnits;
  const size_t bytes = static_cast<size_t>(hidden) * sizeof(float);
  const float* const packed = static_cast<const float*>(args.operands[6]);
  for (int64_t b = begin; b < end; ++b) {
    float* state = static_cast<float*>(args.scratch);
    float* next = state + padded;
    float* const cell = next + padded;
    std::memset(state, 0, 3 * static_cast<size_t>(padded) * sizeof(float));
    if (args.operands[4] != nullptr)
      std::memcpy(state, static_cast<float*>(args.operands[4]) + b * hidden, bytes);
    if (args.operands[5] != nullptr)
      std::memcpy(cell, static_cast<float*>(args.operands[5]) + b * hidden, bytes);
    for (int64_t i = 0; i < p.steps; ++i) {
      const int64_t t = p.reverse != 0 ? p.steps - 1 - i : i;
      const float* gates =
          static_cast<const float*>(args.operands[3]) + t * p.gates_step_stride + b * p.gates_batch_stride;
      for (int64_t block = 0; block < hidden; block += kUnits) {
        StepBlock(packed + block * hidden * 4, state, hidden, block, gates + block, cell + block,
                  next + block);
      }
      float* const swap = state;
      state = next;
      next = swap;
      if (args.operands[0] != nullptr) {
        std::memcpy(static_cast<float*>(args.operands[0]) + t * p.out_step_stride + b * p.out_batch_stride,
                    state, bytes);
      }
    }
    if (args.operands[1] != nullptr)
      std::memcpy(static_cast<float*>(args.operands[1]) + b * hidden, state, bytes);
    if (args.operands[2] != nullptr)
      std::memcpy(static_cast<float*>(args.operands[2]) + b * hidden, cell, bytes);
  }
}

}  // namespace whet::kernels::WHET_ISA
