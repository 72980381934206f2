// Where the largest or smallest element along an axis of [outer, axis, inner] is, f32 in, indices out. NaN
// counts as the most extreme.
//
// Operands: 0 indices [outer, inner], dense, i64 or i32; 1 input [outer, axis, inner], dense. Units: outer
// times blocks of inner. Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::arg_reduce {

struct Params {
  int32_t smallest;  // 0: arg max, 1: arg min
  int32_t last;      // of equal elements: 0 the first, 1 the last
  DType index_type;  // kI32 or kI64
  uint8_t unused[7];
  int64_t outer, axis, inner;
  int64_t inner_block;  // filled by Choose
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::arg_reduce
