#include "kernels/recurrent/gru.h"
#include "kernels/recurrent/matvec.h"
#include "kernels/simd/math.h"

namespace whet::kernels::WHET_ISA {

void GruF32(const Args& args, int64_t begin, int64_t end);

namespace {

using gru::Params;
using recurrent::kUnits;

// Scratch vectors, each padded to whole blocks.
struct Vectors {
  float* state;
  float* next;
  float* update;
  float* reset;  // r, or r h where the product comes before Rn
};

void Gates(const Params& p, const float* packed, const float* gates, const Vectors& at) {
  for (int64_t block = 0; block < p.hidden; block += kUnits) {
    F32 acc[2][kUnitVectors];
    MultiplyBlock<2>(packed + block * p.hidden * 2, at.state, p.hidden, acc);
    for (int v = 0; v < kUnitVectors; ++v) {
      const int64_t unit = block + v * kLanes, lanes = UnitLanes(block, v, p.hidden);
      Store(at.update + unit, Sigmoid(acc[0][v] + LoadPartial(gates + unit, lanes)));
      const F32 r = Sigmoid(acc[1][v] + LoadPartial(gates + p.hidden + unit, lanes));
      Store(at.reset + unit, p.linear_before_reset != 0 ? r : r * Load(at.state + unit));
    }
  }
}

void Next(const Params& p, const float* packed, const float* gates, const float* bias, const Vectors& at) {
  const float* const factor = p.linear_before_reset != 0 ? at.state : at.reset;
  for (int64_t block = 0; block < p.hidden; block += kUnits) {
    F32 acc[1][kUnitVectors];
    MultiplyBlock<1>(packed + block * p.hidden, factor, p.hidden, acc);
    for (int v = 0; v < kUnitVectors; ++v) {
      const int64_t unit = block + v * kLanes, lanes = UnitLanes(block, v, p.hidden);
      F32 recurrent = acc[0][v];
      if (bias != nullptr) recurrent += LoadPartial(bias + unit, lanes);
      if (p.linear_before_reset != 0) recurrent = recurrent * Load(at.reset + unit);
      const F32 n = Tanh(recurrent + LoadPartial(gates + 2 * p.hidden + unit, lanes));
      const F32 z = Load(at.update + unit);
      Store(at.next + unit, n + z * (Load(at.state + unit) - n));
    }
  }
}

}  // namespace

void GruF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const int64_t hidden = p.hidden;
  const int64_t padded = (hidden + kUnits - 1) / kUnits * kUnits;
  const size_t bytes = static_cast<size_t>(hidden) * sizeof(float);
  float* const scratch = static_cast<float*>(args.scratch);
  const float* const update_reset = static_cast<const float*>(args.operands[4]);
  const float* const candidate = static_cast<const float*>(args.operands[5]);
  const float* const bias = static_cast<const float*>(args.operands[6]);
  for (int64_t b = begin; b < end; ++b) {
    Vectors at{scratch, scratch + padded, scratch + 2 * padded, scratch + 3 * padded};
    std::memset(scratch, 0, 4 * static_cast<size_t>(padded) * sizeof(float));
    if (args.operands[3] != nullptr)
      std::memcpy(at.state, static_cast<float*>(args.operands[3]) + b * hidden, bytes);
    for (int64_t i = 0; i < p.steps; ++i) {
      const int64_t t = p.reverse != 0 ? p.steps - 1 - i : i;
      const float* gates =
          static_cast<const float*>(args.operands[2]) + t * p.gates_step_stride + b * p.gates_batch_stride;
      Gates(p, update_reset, gates, at);
      Next(p, candidate, gates, bias, at);
      float* const swap = at.state;
      at.state = at.next;
      at.next = swap;
      if (args.operands[0] != nullptr) {
        std::memcpy(static_cast<float*>(args.operands[0]) + t * p.out_step_stride + b * p.out_batch_stride,
                    at.state, bytes);
      }
    }
    if (args.operands[1] != nullptr)
      std::memcpy(static_cast<float*>(args.operands[1]) + b * hidden, at.state, bytes);
  }
}

}  // namespace whet::kernels::WHET_ISA
