// Takes slices of a tensor by index along one axis, as embeddings do.
//
// For o < outer, i < indices, the `inner_bytes` at data[o][index[i]] go to output[o][i]. An index below 0
// counts from the end; one that is out of range even so takes the nearest slice, since indices are known only
// when the model runs.
//
// Operands: 0 output, 1 data, 2 indices (dense). Units: blocks of (o, i). Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::gather {

struct Params {
  DType index_type;  // kI32 or kI64
  uint8_t unused[7];
  int64_t outer, slices, indices;
  int64_t inner_bytes;
  int64_t data_outer_stride, data_slice_stride;  // in bytes
  int64_t out_outer_stride, out_index_stride;
  int64_t block;  // filled by Choose
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::gather
