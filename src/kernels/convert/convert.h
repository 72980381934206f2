// Conversion between element types, dense.
//
// Floats to integers truncate; NaN becomes 0; what does not fit wraps if it is within 32 bits (64 for i64),
// else it becomes some number. Floats to f16 and bf16 round to nearest even. Anything to bool is "not zero".
//
// Operands: 0 output, 1 input. Units: blocks of elements. Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::convert {

struct Params {
  DType from, to;
  uint8_t unused[6];
  int64_t elements;
  int64_t block;  // filled by Choose
};

// Whether there is a kernel: one side is f32 and the other f16, bf16, f64, i8, u8, i16, u16, i32, i64 or
// bool, or they are two of i32, i64 and bool.
bool Supports(DType from, DType to);

Status Choose(Isa isa, DType from, DType to, int64_t elements, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::convert
