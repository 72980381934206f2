// 3x3 convolutions of 8-bit integers with stride 1, by Winograd's method F(4x4, 3x3) in integers: a tile of
// 4x4 outputs costs 36 products a channel instead of 144. Sums, outputs and operands are as qconv.h says, and
// so are the results, bit for bit.
//
//   sum = A' ((G w G') * (B' x B)) A / 576        * element by element, added up over the input channels
//
// B are the points 0, 1, -1, 2, -2 and infinity; G is scaled by 24 so that it is whole numbers (a factor 2 of
// its last row is left to A). Transformed inputs and weights fit 16 bits whatever the bytes are. All that
// follows is exact modulo 2^32: 576 = 64 * 9, and 9 has an inverse there; 64 is shifted out. So the sum of
// the products of bytes must fit 26 bits, which depends on the weights: SumsFit.
//
// Weights stay bytes in memory and are transformed where they are used: that costs less than it would to read
// what is eight times larger. They have no zero points (operand 5 is absent).
//
// In the params a tile is one of 4x4 pixels: m_tile and m_block are the tiles of a unit. Work units: (block
// of output channels, block of tiles), tiles fastest. Scratch: ScratchLayout.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/conv/winograd_blocking.h"
#include "kernels/kernel.h"
#include "kernels/qconv/qconv.h"

namespace whet::kernels::qwinograd {

using qconv::Params;
using qconv::TileRow;

inline constexpr int64_t kTile = conv::kWinogradTile;
inline constexpr int64_t kInputs = conv::kWinogradInputs;
inline constexpr int64_t kPositions = kInputs * kInputs;
inline constexpr int64_t kMostTiles = 64;  // of a unit

std::span<const TileRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

// Whether the kernels compute what these weights and inputs of that type give.
bool SumsFit(const Params& params, const qconv::Weights& weights);

// kUnsupported also where qconv is expected to be as fast.
Status Choose(Isa isa, Params* params, Choice* choice);
// With a given row, wherever it computes the right thing.
Status Choose(const TileRow& row, Params* params, Choice* choice);

// How the tiles of an image are counted, and where the parts of a scratch begin, in bytes.
struct ScratchLayout {
  int64_t pairs;          // of input channels
  int64_t row_bytes;      // of a tile's transformed inputs at a position
  int64_t input_bytes;    // from a position's transformed inputs to the next
  int64_t weight_bytes;   // from a position's transformed weights to the next
  int64_t product_bytes;  // from a position's products to the next
  int64_t list;           // pointers [tile_m]
  int64_t taps;           // pointers [kPositions]
  int64_t padding;        // channels of the value that stands for 0, readable beyond
  int64_t inputs;         // i16 [kPositions][m_tile][channels]
  int64_t weights;        // i16 [kPositions][pairs][tile_n][2]
  int64_t products;       // i32 [kPositions][m_tile][tile_n]
  int64_t sums;           // i32 [kTile][m_tile * kTile][tile_n]
  int64_t bytes;
};
// The sizes in `p` are checked.
ScratchLayout LayOutScratch(const Params& p, int tile_m, int tile_n, int lanes);

qconv::Prepared Prepare(const Row& row, const Params& params, const qconv::Weights& weights, bool fixed_zero);

}  // namespace whet::kernels::qwinograd
