#include "kernels/qrecurrent/qlstm.h"

#include "kernels/recurrent/matvec.h"
#include "kernels/requantize/requantize_simd.h"
#include "kernels/simd/math.h"
#include "kernels/simd/pairs.h"

namespace whet::kernels::WHET_ISA {

void LstmI8(const Args& args, int64_t begin, int64_t end);

namespace {

using qlstm::Params;
using recurrent::kUnits;

constexpr float kLargestStep = 32767.0f;

// The state in steps, pairs of k; `padded` is a multiple of kUnits and what lies beyond the units is 0.
void QuantizeState(const float* state, int64_t padded, float inverse, int16_t* steps) {
  const Steps range = MakeSteps(0, -32767, 32767);
  for (int64_t i = 0; i < padded; i += kLanes)
    StoreNarrow(steps + i, ToSteps(Load(state + i) * inverse, range));
}

// sums[gate][v] = the integer products of one block of hidden units.
WHET_INLINE void MultiplyBlock(const int8_t* packed, const int16_t* steps, int64_t hidden,
                               I32 (&sums)[4][kUnitVectors]) {
  for (int64_t k = 0; k < hidden; k += 2) {
    int32_t pair;
    std::memcpy(&pair, steps + k, sizeof(pair));
    const I32 h = Set1(pair);
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
#pragma GCC unroll 4
      for (int v = 0; v < kUnitVectors; ++v) {
        sums[g][v] = DotPairs(sums[g][v], h, LoadSignedPairs(packed));
        packed += 2 * kLanes;
      }
    }
  }
}

// The next state and cell of one block of units. `gates` is at the block's first unit.
WHET_INLINE void StepBlock(const int8_t* packed, const float* scales, const int16_t* steps, float step,
                           int64_t hidden, int64_t block, const float* gates, float* cell, float* next) {
  I32 sums[4][kUnitVectors] = {};
  MultiplyBlock(packed, steps, hidden, sums);
  for (int v = 0; v < kUnitVectors; ++v) {
    const int64_t lanes = UnitLanes(block, v, hidden);
    F32 gate[4];
    for (int g = 0; g < 4; ++g) {
      const F32 scale = Load(scales + g * kUnits + v * kLanes) * step;
      gate[g] = ConvertToF32(sums[g][v]) * scale + LoadPartial(gates + g * hidden + v * kLanes, lanes);
    }
    const F32 c = Sigmoid(gate[2]) * Load(cell + v * kLanes) + Sigmoid(gate[0]) * Tanh(gate[3]);
    Store(cell + v * kLanes, c);
    Store(next + v * kLanes, Sigmoid(gate[1]) * Tanh(c));
  }
}

}  // namespace

void LstmI8(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const int64_t hidden = p.hidden;
  const int64_t padded = (hidden + kUnits - 1) / kUnits * kUnits;
  const size_t bytes = static_cast<size_t>(hidden) * sizeof(float);
  const auto* packed = static_cast<const int8_t*>(args.operands[6]);
  const auto* scales = static_cast<const float*>(args.operands[7]);
  const int64_t block_bytes = (hidden + 1) / 2 * 4 * kUnits * 2;
  for (int64_t b = begin; b < end; ++b) {
    auto* const state = static_cast<float*>(args.scratch);
    float* const cell = state + padded;
    auto* const steps = reinterpret_cast<int16_t*>(cell + padded);
    std::memset(state, 0, 3 * static_cast<size_t>(padded) * sizeof(float));
    if (args.operands[4] != nullptr)
      std::memcpy(state, static_cast<float*>(args.operands[4]) + b * hidden, bytes);
    if (args.operands[5] != nullptr)
      std::memcpy(cell, static_cast<float*>(args.operands[5]) + b * hidden, bytes);
    float reach = 1.0f;
    for (int64_t j = 0; j < hidden; ++j) {
      const float magnitude = state[j] < 0.0f ? -state[j] : state[j];
      if (magnitude > reach) reach = magnitude;
    }
    for (int64_t i = 0; i < p.steps; ++i) {
      const int64_t t = p.reverse != 0 ? p.steps - 1 - i : i;
      const float* gates =
          static_cast<const float*>(args.operands[3]) + t * p.gates_step_stride + b * p.gates_batch_stride;
      // The state is only read as steps, so the next one may take its place.
      QuantizeState(state, padded, kLargestStep / reach, steps);
      for (int64_t block = 0; block < hidden; block += kUnits) {
        StepBlock(packed + block / kUnits * block_bytes, scales + block * 4, steps, reach / kLargestStep,
                  hidden, block, gates + block, cell + block, state + block);
      }
      reach = 1.0f;
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
