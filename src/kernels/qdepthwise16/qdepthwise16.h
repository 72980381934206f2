// Depthwise convolution of 16-bit integers by 8-bit weights over NHWC: every channel has a kernel of its own.
// Sums, outputs and operands are as qconv16.h says; only the weights are packed another way, and the sums of
// products must fit 32 bits.
//
// In the params cin and cout are both the number of channels, and groups is 1. m_block counts pixels.
//
// The taps of a kernel are taken in pairs, whose elements are interleaved as they are loaded.
//
// Work units: (block of channels, block of output pixels), pixels fastest. Scratch: ScratchLayout.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/kernel.h"
#include "kernels/qconv16/qconv16.h"

namespace whet::kernels::qdepthwise16 {

using qconv16::Params;

struct DepthwiseRow {
  Row base;
  int lanes;
};

std::span<const DepthwiseRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

// Fails if 32 bits might not hold the sum of the products. Element (channel o, y, x) of the weights is
// data[o * steps[0] + y * steps[1] + x * steps[2]].
Status Choose(Isa isa, const qconv16::Weights& weights, Params* params, Choice* choice);
// The same with a given row.
Status Choose(const DepthwiseRow& row, const qconv16::Weights& weights, Params* params, Choice* choice);

// Output pixels computed at once.
inline constexpr int64_t kPixels = 4;

inline int64_t TapsOf(const Params& p) { return p.kernel_h * p.kernel_w; }
// An odd tap at the end is paired with one of weight 0.
inline int64_t PairsOf(const Params& p) { return (TapsOf(p) + 1) / 2; }

// Where the parts of a scratch begin, in bytes.
struct ScratchLayout {
  int64_t list;     // pointers [taps, and one][kPixels]
  int64_t padding;  // a pixel, readable beyond
  int64_t bytes;
};
ScratchLayout LayOutScratch(const Params& p);

qconv16::Prepared Prepare(const Row& row, const Params& params, const qconv16::Weights& weights);

}  // namespace whet::kernels::qdepthwise16
