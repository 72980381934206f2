// The recurrent part of a GRU layer in one direction, f32, with the activations sigmoid, tanh.
//
// As for the LSTM (lstm.h), the compiler computes gates[t][b] = W x[t][b] + Wb for all steps at once, in
// ONNX's order: update, reset, hidden; Rb of update and reset is added to it, and Rb of hidden unless
// linear_before_reset.
//   z, r = sigmoid of (gates + R h)
//   n = tanh(gates + Rn (r h))            or, linear_before_reset:  n = tanh(gates + r (Rn h + Rbn))
//   h = (1 - z) n + z h
//
// Operands: 0 the states of all steps [steps][batch][hidden] or absent; 1 the last state [batch, hidden] or
// absent; 2 gates [steps][batch][3 hidden]; 3 the first state or absent (zeros); 4 R of update and reset,
// packed (pack.h) with 2 gates; 5 Rn, packed with 1 gate; 6 Rbn [hidden] or absent. 1 and 3 may be the same
// buffer. Units: batch. Scratch: four vectors of hidden.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::gru {

struct Params {
  int64_t steps, batch, hidden;
  int32_t reverse;  // 1: from the last step to the first
  int32_t linear_before_reset;
  int64_t out_step_stride, out_batch_stride;  // in elements; hidden is contiguous
  int64_t gates_step_stride, gates_batch_stride;
};

Status Choose(Isa isa, const Params& params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::gru
