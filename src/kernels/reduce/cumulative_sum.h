// Running sums along an axis of dense [outer, axis, inner], f32.
//
// Operands: 0 output, 1 input; they may be the same buffer. Units: outer times blocks of inner.
// Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::cumulative_sum {

struct Params {
  int32_t exclusive;  // 1: an element is not part of its own sum
  int32_t reverse;    // 1: from the end
  int64_t outer, axis, inner;
  int64_t inner_block;  // filled by Choose
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::cumulative_sum
