// Group and instance norm of [batch, positions, channels] (channels last), f32: the mean and the variance are
// over the positions and a group of neighbouring channels. A group of one channel makes it instance norm.
//
// Operands: 0 output; 1 input, laid out alike, may be the same buffer; 2 scale [channels] or absent; 3 shift
// [channels] or absent. Units: batch times blocks of channels. Scratch: three floats per channel of a block.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"

namespace whet::kernels::group_norm {

struct Params {
  float epsilon;
  int32_t unused;
  int64_t batch, positions, channels;
  int64_t group;                          // channels in a group; divides channels
  int64_t batch_stride, position_stride;  // in elements
  int64_t channel_block;                  // filled by Choose; a multiple of group
};

Status Choose(Isa isa, Params* params, Choice* choice);
const char* Validate(const Claim& claim);
void AppendRows(std::vector<const Row*>* rows);

}  // namespace whet::kernels::group_norm
