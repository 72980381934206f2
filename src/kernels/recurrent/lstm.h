// The recurrent part of an LSTM layer in one direction, f32, with the activations sigmoid, tanh, tanh.
//
// The compiler computes what does not depend on the state for all steps at once, as a matrix product:
// gates[t][b] = W x[t][b] + Wb + Rb, in ONNX's order: input, output, forget, cell. The kernel then does, step
// by step,
//   i, o, f, g = sigmoid, sigmoid, sigmoid, tanh of (gates + R h);  c = f c + i g;  h = o tanh(c).
//
// Operands: 0 the states of all steps [steps][batch][hidden] or absent; 1 the last state [batch, hidden] or
// absent; 2 the last cell [batch, hidden] or absent; 3 gates [steps][batch][4 hidden]; 4 the first state or
// absent (zeros); 5 the first cell or absent; 6 R, packed (pack.h) with 4 gates. 1 and 4, 2 and 5 may be the
// same buffers. Units: batch. Scratch: three vectors of hidden.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::lstm {

struct Params {
  int64_t steps, batch, hidden;
  int64_t reverse;                            // 1: from the last step to the first
  int64_t out_step_stride, out_batch_stride;  // in elements; hidden is contiguous
  int64_t gates_step_stride, gates_batch_stride;
};

Status Choose(Isa isa, const Params& params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::lstm
