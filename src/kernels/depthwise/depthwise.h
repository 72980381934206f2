// Depthwise convolution in f32 over NHWC: every channel has a kernel of its own.
//
// Operands: 0 output, 1 input, 2 weights (packed by Pack), 3 bias, 4 residual, 5 slope; bias, residual and
// slope may be absent. Any kernel, stride, dilation and padding; 3x3 and 5x5 without dilation are the fast
// ones. An operator that makes several channels of each input channel is a convolution with groups.
//
// Work units: (image, block of channels, output row), rows fastest. Scratch: none.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/kernel.h"

namespace whet::kernels::depthwise {

struct Params {
  int64_t batch = 1;
  int64_t in_h = 0;
  int64_t in_w = 0;
  int64_t out_h = 0;
  int64_t out_w = 0;
  int64_t channels = 0;
  int64_t in_stride = 0;  // floats from a pixel to the next; images follow each other without a gap
  int64_t out_stride = 0;
  int64_t residual_stride = 0;
  int64_t kernel_h = 1;
  int64_t kernel_w = 1;
  int64_t stride_h = 1;
  int64_t stride_w = 1;
  int64_t dilation_h = 1;
  int64_t dilation_w = 1;
  int64_t pad_top = 0;  // what is missing at the bottom and right counts as padding
  int64_t pad_left = 0;
  int64_t channel_block = 0;  // filled by Choose: channels of a unit
  Epilogue epilogue;
};

void AppendRows(std::vector<const Row*>* rows);

Status Choose(Isa isa, Params* params, Choice* choice);

// Weights are packed [channels / kChannelGrain][kernel_h][kernel_w][kChannelGrain], the last filled up with
// zeros; the same for every instruction set.
inline constexpr int64_t kChannelGrain = 16;
// In floats.
int64_t PackedSize(const Params& params);
// Element (channel c, y, x) of the weights is weights[c * steps[0] + y * steps[1] + x * steps[2]].
void Pack(const Params& params, const float* weights, const int64_t (&steps)[3], float* packed);

}  // namespace whet::kernels::depthwise
