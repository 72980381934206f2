// Depthwise convolution of 8-bit integers over NHWC: every channel has a kernel of its own. Sums, outputs and
// operands are as qconv.h says; only the weights are packed another way.
//
// In the params cin and cout are both the number of channels, and groups is 1. m_block counts rows of output
// pixels.
//
// The taps of a kernel column are taken in fours: for a strip of output pixels of a row, the bytes of each
// column of the input are interleaved once, for all outputs that it is under.
//
// Of few channels, a vector holds those of two or four pixels of the strip: SharesOf.
//
// Work units: (block of channels, block of rows of output pixels), rows fastest. Scratch: ScratchLayout.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"
#include "kernels/qconv/qconv.h"

namespace whet::kernels::qdepthwise {

using qconv::Params;

struct DepthwiseRow {
  Row base;
  int lanes;
  qconv::Elements elements;  // kUnsigned or kSigned
  // Of how many addends a weight is made up. Two where DotQuads of quads.h is not exact for all weights; the
  // second ones are mostly all 0, and such channels cost nothing more.
  int parts;
};

std::span<const DepthwiseRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

Status Choose(Isa isa, Params* params, Choice* choice);
// The same with a given row.
Status Choose(const DepthwiseRow& row, Params* params, Choice* choice);

// Output pixels of a strip, times the pixels that share a vector.
inline constexpr int64_t kStrip = 16;

// How many pixels share the vectors, of `at_once` bytes, of a block of `channels` channels: each has a whole
// number of registers of 128 bits.
inline int64_t SharesOf(int64_t channels, int64_t at_once) {
  if (at_once >= 64 && channels <= at_once / 4) return 4;
  return at_once >= 32 && channels <= at_once / 2 ? 2 : 1;
}

// Quads of a kernel column. Quad q holds the taps of rows q * 2, q * 2 + half, q * 2 + 1 and q * 2 + 1 +
// half, where half is twice the number of quads: those that there are not (their weights are 0) then stand
// beside the middle rows, whose weights tend to be the largest.
inline int64_t QuadsOf(const Params& p) { return (p.kernel_h + 3) / 4; }
// The kernel row of element i of quad q; it may be beyond the last one.
inline int64_t RowOfQuad(int64_t quads, int64_t q, int64_t i) { return 2 * q + i / 2 + i % 2 * 2 * quads; }

// Where the parts of a scratch begin, in bytes.
struct ScratchLayout {
  int64_t columns;  // of input under a strip
  int64_t padding;  // a pixel, readable beyond
  int64_t quads;    // [columns][quads][4 vectors]
  int64_t sums;     // i32 [kStrip][channels computed at once]
  int64_t bytes;
};
ScratchLayout LayOutScratch(const Params& p, int lanes);

// Element (channel o, y, x) of the weights is data[o * steps[0] + y * steps[1] + x * steps[2]].
qconv::Prepared Prepare(const Row& row, const Params& params, const qconv::Weights& weights, bool fixed_zero);

}  // namespace whet::kernels::qdepthwise
