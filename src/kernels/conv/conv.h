// 2-D convolution in f32 over NHWC, any kernel, stride, dilation, padding and groups; 1-D is height 1.
//
// Operands: 0 output, 1 input, 2 weights (packed by Pack), 3 bias, 4 residual, 5 slope; bias, residual and
// slope may be absent. It is a matrix product without a matrix: a row of A is an output pixel, and for every
// kernel tap (or kernel row) a pointer says where its input pixel lies, or a row of zeros where the tap is in
// the padding.
//
// Weights of a convolution without groups may stay as they are stored (stored/stored.h): a matrix of k =
// kernel_h kernel_w cin rows; their blocks become floats each time they are used.
//
// Work units: (group, block of output channels, block of output pixels), pixels fastest. Scratch: the
// pointers, the zeros, copies of pixels that lie partly in the padding, and a block of weights that were
// stored.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/conv/geometry.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/kernel.h"
#include "kernels/stored/stored.h"

namespace whet::kernels::conv {

// How K is cut into segments. Numbers are written to plans.
enum class Segments : uint32_t {
  kTaps = 0,  // one for each tap
  // One for each kernel row, whose taps are adjacent in memory (no dilation along x, one group, dense
  // pixels). Rows that reach into the padding are copied. For few input channels.
  kKernelRows = 1,
};

struct Params : Geometry {
  int64_t residual_stride = 0;
  Segments segments = Segments::kTaps;  // filled by Choose
  uint32_t is_stored = 0;               // the weights are packed by PackStored
  stored::Form stored;
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
  int64_t panels;  // of stored weights: floats of a block
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
// Those of a Params with is_stored, as the matrix [y][x][i] x [o].
std::vector<uint8_t> PackStored(const Row& row, const Params& params, const stored::Weights& weights);

}  // namespace whet::kernels::conv
