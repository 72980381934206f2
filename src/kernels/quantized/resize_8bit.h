// Resampling of images of 8-bit integers, NHWC: nearest, and linear between two neighbours along each axis.
//
//   linear   acc = sum over the four neighbours of x * y_weight * x_weight, weights in 1/2048: exact in i32
//            y = saturate(round to even(f32(acc - x_zero * 2^22) * (ratio * 2^-22)) + y_zero)
//   nearest  y = x of the position that the taps name
//
// Operands: 0 output [batch, out_height, out_width, channels]; 1 input [batch, height, width, channels]; 2
// taps Tap[out_height]; 3 taps Tap[out_width]. Units: output rows. Scratch: one input row of i32.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "kernels/kernel.h"
#include "kernels/resize/resize.h"

namespace whet::kernels::resize_8bit {

inline constexpr int kWeightBits = 11;

// The position is (2048 - weight) parts `index` and `weight` parts the one after it.
struct Tap {
  int32_t index;   // one out of range takes the nearest position
  int32_t weight;  // 0 … 2048
};

struct Params {
  int64_t batch, channels;
  int64_t height, width;
  int64_t out_height, out_width;
  // In elements; channels are contiguous.
  int64_t in_batch_stride, in_row_stride, in_pixel_stride;
  int64_t out_batch_stride, out_row_stride, out_pixel_stride;
  DType in_type, out_type;  // kI8 or kU8; of nearest the same
  uint8_t nearest;          // 1: weights are not looked at
  uint8_t unused;
  float ratio;             // input scale / output scale
  int32_t x_zero, y_zero;  // within the types, as are low and high
  int32_t low, high;
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

// The taps of an axis that is resampled linearly or by its nearest neighbour: out_size of them. Empty if more
// than two positions take part (antialiasing).
std::vector<Tap> AxisTable(const resize::Axis& axis);

}  // namespace whet::kernels::resize_8bit
