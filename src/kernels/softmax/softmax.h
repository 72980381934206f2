// Softmax and its logarithm over one axis of [outer, axis, inner], f32.
//
// Operands: 0 output, 1 input, laid out alike; they may be the same buffer. Units: rows if inner is 1, else
// outer times blocks of inner. Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::softmax {

struct Params {
  int32_t logarithm;  // 0: softmax, 1: log softmax
  float scale;        // of the input; 1 for the plain operator
  int64_t outer, axis, inner;
  int64_t outer_stride, axis_stride;  // in elements; inner is contiguous, and so is the axis if inner is 1
  int64_t inner_block;                // filled by Choose
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::softmax
