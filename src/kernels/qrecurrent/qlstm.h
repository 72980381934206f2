// The recurrent part of an LSTM layer in one direction with weights of i8, with the activations sigmoid,
// tanh, tanh.
//
// As lstm.h says, but for the product R h: the state is rounded to 16 bits, h = q * step, and
//
//   R h [row] = f32(sum over k of w[row][k] * q[k]) * (scale[row] * step)      the sum exact in 32 bits
//
// A state that the kernel computed lies within -1 and 1, and step is 1/32767; the first one may reach
// further, and its step is its largest magnitude / 32767 if that is more. All else is in f32, every operation
// rounded by itself: from the same gates come the same bits on every instruction set.
//
// Operands: 0 to 5 as lstm.h; 6 R, packed with Pack; 7 scales, packed with PackScales. Units: batch. Scratch:
// three vectors of hidden.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"
#include "kernels/recurrent/lstm.h"
#include "kernels/recurrent/pack.h"

namespace whet::kernels::qlstm {

using lstm::Params;

// Sums of more products might not fit 32 bits.
inline constexpr int64_t kLargestHidden = 512;

Status Choose(Isa isa, const Params& params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

// [hidden / kUnits rounded up][pairs of k][4 gates][kUnits][2], from [4 * hidden, hidden], a row per gate and
// unit. Units and k beyond `hidden` have weight 0.
std::vector<int8_t> Pack(const int8_t* weights, int64_t hidden);
// [hidden / kUnits rounded up][4 gates][kUnits], from one a row.
std::vector<float> PackScales(const float* scales, int64_t hidden);

}  // namespace whet::kernels::qlstm
