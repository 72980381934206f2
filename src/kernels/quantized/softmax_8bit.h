// Softmax of 8-bit integers to 8-bit integers, along one axis, by a table of exponentials.
//
//   e(i) = table[greatest - x(i)]     the table: 2^22 * exp(-k * x_scale), rounded, for k = 0 … 255
//   y(i) = saturate(round to even(f32(e(i)) * f32(1 / (sum(e) * y_scale))) + y_zero)
//
// The sum is of integers, hence exact in any order; the division is in f64.
//
// Operands: 0 output, 1 input, both dense [outer, axis, inner]; 2 the table, i32 [256]. Units: lines along
// the axis. Scratch: one line of i32.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::softmax_8bit {

inline constexpr int kTableBits = 22;

struct Params {
  DType in_type, out_type;  // kI8 or kU8
  uint8_t unused[2];
  float y_scale;
  int32_t y_zero, low, high;  // within out_type
  int32_t unused_too;
  int64_t outer, axis, inner;
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::softmax_8bit
