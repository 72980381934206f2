// Depthwise convolution of 8-bit integers over NHWC: every channel has a kernel of its own. Sums, outputs and
// operands are as qconv.h says; only the weights are packed another way.
//
// In the params cin and cout are both the number of channels, and groups is 1.
//
// Work units: (block of channels, block of output pixels), pixels fastest. Scratch: pointers to the pixels
// under the taps, a pixel of padding, sums.
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
  qconv::Elements elements;
};

std::span<const DepthwiseRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

Status Choose(Isa isa, Params* params, Choice* choice);
// The same with a given row.
Status Choose(const DepthwiseRow& row, Params* params, Choice* choice);

// How many pixels' sums are made before they are finished.
inline constexpr int64_t kTilePixels = 16;

// Where the parts of a scratch begin, in bytes.
struct ScratchLayout {
  int64_t taps;     // rounded up to whole groups
  int64_t list;     // pointers [taps][kTilePixels]
  int64_t padding;  // a pixel, readable beyond
  int64_t sums;     // i32 [kTilePixels][channels computed at once]
  int64_t bytes;
};
ScratchLayout LayOutScratch(const Params& p, qconv::Elements elements, int lanes);

// Element (channel o, y, x) of the weights is data[o * steps[0] + y * steps[1] + x * steps[2]].
qconv::Prepared Prepare(const Row& row, const Params& params, const qconv::Weights& weights, bool fixed_zero);

}  // namespace whet::kernels::qdepthwise
