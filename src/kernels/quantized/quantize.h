// Affine quantization and its inverse, per tensor or per channel, of dense [outer, channels, inner].
//
//   quantize:    q = saturate(round to even(x / scale) + zero_point)
//   dequantize:  x = (q - zero_point) * scale
//
// Operands: 0 output, 1 input, 2 scale f32 [channels], 3 zero_point [channels] of the integer type, or absent
// (0). Units: rows of inner (of channels if inner is 1), in blocks. Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::quantize {

struct Params {
  DType type;       // of the integers: kI8, kU8, kI16, kU16; for dequantize also kI32
  uint8_t inverse;  // 1: dequantize
  uint8_t unused[6];
  int64_t outer, channels, inner;  // per tensor: 1, 1, all elements
  int64_t block;                   // filled by Choose
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::quantize
