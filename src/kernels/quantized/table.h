// Any function of one 8-bit integer, as the table of its 256 values.
//
// Operands: 0 output, 1 input, 2 the table, 256 bytes, indexed by the input's bits (so -1 is entry 255).
// Input and output are `rows` of `columns` bytes, which may be further apart than dense. Units: blocks.
// Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::table {

struct Params {
  int64_t rows, columns;
  int64_t in_stride, out_stride;      // bytes from row to row
  int64_t block_rows, block_columns;  // filled by Choose: a unit does so many, fewer at the edges
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::table
