// The layout of recurrent weights that the LSTM and GRU kernels of every instruction set read.
//
// [hidden / kUnits rounded up][hidden][gates][kUnits]: for a block of hidden units, what one element of the
// state contributes to all gates of the block is contiguous. Units beyond `hidden` have weight 0.
#pragma once

#include <cstdint>

namespace whet::kernels::recurrent {

inline constexpr int64_t kUnits = 16;

// Floats that the packed weights take.
int64_t PackedSize(int64_t gates, int64_t hidden);
// From [gates * hidden, hidden], a row per gate and unit.
void Pack(const float* weights, int64_t gates, int64_t hidden, float* packed);

}  // namespace whet::kernels::recurrent
