// Copies elements from one layout to another: slice, concatenate, split, transpose, expand, tile, depth to
// space, space to depth, reverse are all this, with the right strides.
//
//   slice       source strides times the steps, src_offset at the first element taken
//   concat      one copy per input; the output operand begins at the part that the input fills
//   transpose   the output's dimensions, with the source strides permuted
//   expand      source stride 0 where it repeats; tile: each tiled dimension split into {repeats (stride 0),
//   size} depth to space and back: the dimensions split, then a transpose
//
// Operands: 0 output, 1 input; they may not overlap. Units: blocks. Scratch: none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::copy {

inline constexpr int kMaxDims = 8;

struct Params {
  int32_t element_bytes;              // 1, 2, 4 or 8
  int32_t dims;                       // at least 2; the last two are rows and columns
  int64_t src_offset;                 // in elements, as are the strides
  int64_t block_rows, block_columns;  // a unit copies so many, fewer at the edges
  int64_t size[kMaxDims];
  int64_t dst_stride[kMaxDims];
  int64_t src_stride[kMaxDims];
};

// Copies an element for each index below `dims`. Strides in elements; those of the source may be 0 or
// negative. Fails if more than kMaxDims dimensions are left after merging those that both sides walk as one.
Status Choose(Isa isa, int element_bytes, std::span<const int64_t> dims, std::span<const int64_t> dst_strides,
              std::span<const int64_t> src_strides, int64_t src_offset, Params* params, Choice* choice);

const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::copy
