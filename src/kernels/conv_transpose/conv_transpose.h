// 2-D transposed convolution in f32 over NHWC, any kernel, stride, dilation, padding and groups.
//
// Operands: 0 output, 1 input, 2 weights (packed by Pack), 3 bias, 4 residual, 5 slope; bias, residual and
// slope may be absent. The output pixel (y, x) of a tap (ky, kx) and input pixel (iy, ix) is
//
//   y = iy stride_h + ky dilation_h - pad_top,   x = ix stride_w + kx dilation_w - pad_left
//
// Output pixels whose positions agree modulo the strides have the same taps: each such phase is an ordinary
// convolution, with a part of the weights, that writes every stride-th pixel. Nothing is added up in memory.
//
// Work units: (group, block of output channels, output row), rows fastest. Scratch: pointers and zeros.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/kernel.h"

namespace whet::kernels::conv_transpose {

struct Params {
  int64_t batch = 1;
  int64_t in_h = 0;
  int64_t in_w = 0;
  int64_t out_h = 0;  // given, so that any output padding will do
  int64_t out_w = 0;
  int64_t groups = 1;
  int64_t cin = 0;        // of a group
  int64_t cout = 0;       // of a group
  int64_t in_stride = 0;  // floats from a pixel to the next; images follow each other without a gap
  int64_t out_stride = 0;
  int64_t residual_stride = 0;
  int64_t kernel_h = 1;
  int64_t kernel_w = 1;
  int64_t stride_h = 1;
  int64_t stride_w = 1;
  int64_t dilation_h = 1;
  int64_t dilation_w = 1;
  int64_t pad_top = 0;
  int64_t pad_left = 0;
  int64_t m_tile = 0;   // filled by Choose: pixels computed at once
  int64_t n_block = 0;  // filled by Choose: channels of a unit
  Epilogue epilogue;
};

struct TileRow {
  Row base;
  int tile_m;
  int tile_n;
  int lanes;
};

std::span<const TileRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

Status Choose(Isa isa, Params* params, Choice* choice);
// The same with a given row.
Status Choose(const TileRow& row, Params* params, Choice* choice);

// Of the weights packed for `row` (one of this family's), in floats.
int64_t PackedSize(const Row& row, const Params& params);
// Element (group g, input channel i, y, x, output channel o) of the weights, channels counted in their group,
// is weights[g * steps[0] + i * steps[1] + y * steps[2] + x * steps[3] + o * steps[4]].
void Pack(const Row& row, const Params& params, const float* weights, const int64_t (&steps)[5],
          float* packed);

}  // namespace whet::kernels::conv_transpose
