// Parametric ReLU of integers of 8 or 16 bits, rescaled to the output's quantization:
//
//   t = x - x_zero      y = saturate(round to even(t * (t < 0 ? negative[channel] : positive)) + y_zero)
//
// in f32, as base/requantize.h says. `low` and `high` bound y.
//
// Operands: 0 output, 1 input, both rows of channels, at any distance; 2 negative, f32 [channels]. Units:
// blocks of rows. Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::quantized_prelu {

struct Params {
  DType x_type, y_type;  // kI8 or kU8 each; or both kI16, or both kU16
  uint8_t unused[2];
  int32_t x_zero, y_zero, low, high;  // within the types
  float positive;
  int64_t rows, channels, x_stride, y_stride;
  int64_t block_rows;  // filled by Choose
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::quantized_prelu
