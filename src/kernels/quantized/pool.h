// Maximum and average over windows of an image of integers of 8 or 16 bits, NHWC.
//
//   maximum   of the integers themselves; a window without elements gives the least of the type
//   average   y = saturate(round to even(float(sum - count * x_zero) * (ratio / divisor)) + y_zero)
//             sum and count over the elements in the image, the divisor of Mode; all in f32, without FMA
//
// where real x = (x - x_zero) * x_scale, and ratio = x_scale / y_scale. Operands, strides and units are those
// of kernels/pool/pool.h.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"
#include "kernels/pool/pool.h"

namespace whet::kernels::quantized_pool {

struct Params {
  pool::Params window;
  DType in_type, out_type;  // kI8 or kU8, of a maximum the same; or both kI16, or both kU16
  uint8_t unused[2];
  float ratio;
  int32_t x_zero, y_zero;
  int32_t low, high;  // bounds of an average's result, within out_type
};

// Everything in `params` but window.channel_block is filled by the caller; of a maximum only window and
// types.
Status Choose(Isa isa, Params* params, Choice* choice);

const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::quantized_pool
