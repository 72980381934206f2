// 2-D convolution in f32 over NHWC, any kernel, stride, dilation, padding and groups; 1-D is height 1.
//
// Operands: 0 output, 1 input, 2 weights (packed by Pack), 3 bias, 4 residual, 5 slope; bias, residual and
// slope may be absent. It is a matrix product without a matrix: a row of A is an output pixel, and for every
// kernel tap (or kernel row) a pointer says where its input pixel lies, or a row of zeros where the tap is in
// the padding.
//
// Work units: (group, block of output channels, block of output pixels), pixels fastest. Scratch: the
// pointers, the zeros, and copies of pixels that lie partly in the padding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/kernel.h"

namespace whet::kernels::conv {

// How K is cut into segments. Numbers are written to plans.
enum class Segments : uint32_t {
  kTaps = 0,  // one for each tap
  // One for each kernel row, whose taps are adjacent in memory (no dilation along x, one group, dense
  // pixels). Rows that reach into the padding are copied. For few input channels.
  kKernelRows = 1,
};

struct Params {
  int64_t batch = 1;
  int64_t in_h = 0;
  int64_t in_w = 0;
  int64_t out_h = 0;
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
  int64_t pad_top = 0;  // what is missing at the bottom and right counts as padding
  int64_t pad_left = 0;
  int64_t m_tile = 0;                   // filled by Choose: pixels computed at once
  int64_t m_block = 0;                  // filled by Choose: pixels of a unit
  int64_t n_block = 0;                  // filled by Choose: channels of a unit
  Segments segments = Segments::kTaps;  // filled by Choose
  uint32_t unused = 0;
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

// Where the parts of a scratch begin, in bytes. One of `segments` is `length` floats.
struct ScratchLayout {
  int64_t segments;
  int64_t length;
  int64_t list;    // pointers [segment][m_tile]
  int64_t zeros;   // one segment
  int64_t copies;  // with kKernelRows: [m_tile][segment], each a segment
  int64_t bytes;
};
// The sizes in `p` are checked.
ScratchLayout LayOutScratch(const Params& p);

// Of the weights packed for `row` (one of this family's), in floats.
int64_t PackedSize(const Row& row, const Params& params);
// Element (output channel o, y, x, input channel i) of the weights is
// weights[o * steps[0] + y * steps[1] + x * steps[2] + i * steps[3]]; output channels number through all
// groups.
void Pack(const Row& row, const Params& params, const float* weights, const int64_t (&steps)[4],
          float* packed);

}  // namespace whet::kernels::conv
