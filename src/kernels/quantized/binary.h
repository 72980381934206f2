// Sum and product of two tensors of integers of 8 or 16 bits, with broadcasting, rescaled to the output's
// quantization.
//
//   sum       y = saturate(round to even((a - a_zero) * a_ratio + (b - b_zero) * b_ratio) + y_zero)
//   product   y = saturate(round to even((a - a_zero) * (b - b_zero) * a_ratio) + y_zero)
//
// in f32: each product and the sum are rounded once, without FMA. `low` and `high` bound y, which makes a
// Relu or Clip that follows part of it. A difference is a sum with a negative ratio.
//
// Operands: 0 output, 1 a, 2 b. Units: blocks of the output. Scratch: none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::quantized_binary {

enum class Op : uint8_t { kAdd = 0, kMul = 1 };
inline constexpr int kMaxDims = 6;  // after merging

struct Params {
  Op op;
  DType a_type, b_type, y_type;  // kI8 or kU8 each; or all kI16, or all kU16
  int32_t dims;                  // at least 2; the last two are rows and columns
  int32_t a_zero, b_zero, y_zero;
  int32_t low, high;  // within y_type
  float a_ratio, b_ratio;
  int32_t unused;
  int64_t block_rows, block_columns;  // a unit does so many, fewer at the edges
  int64_t size[kMaxDims];
  int64_t stride[3][kMaxDims];  // in elements, of the operands; 0 where one is broadcast
};

// Everything in `params` up to b_ratio but `dims` is filled by the caller. Fails if more than kMaxDims
// dimensions are left after merging those that all operands walk as one.
Status Choose(Isa isa, std::span<const int64_t> dims, std::span<const int64_t> y_strides,
              std::span<const int64_t> a_strides, std::span<const int64_t> b_strides, Params* params,
              Choice* choice);

const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::quantized_binary
