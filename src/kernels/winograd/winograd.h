// 3x3 convolutions in f32 with stride 1, by Winograd's method F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms
// for Convolutional Neural Networks", 2015): a tile of 4x4 outputs costs 36 products a channel instead of
// 144.
//
//   tile = A' ((G w G') * (B' x B)) A        * element by element, added up over the input channels
//
// B are the points 0, 1, -1, 2, -2 and infinity. Rounding errors are larger than those of conv
// (conv_test.cc has bounds of both); numbers that are not finite spread over the tile that they are in.
//
// Params and operands are those of conv.h, without groups and with weights packed by Pack, which takes as
// much memory as conv's: weights are transformed where they are used, which costs less than it would to read
// four times as much. A tile is one of 4x4 pixels: m_tile and m_block are the tiles of a unit; `segments` is
// unused.
//
// Work units: (block of output channels, block of tiles), tiles fastest. Scratch: ScratchLayout.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "kernels/conv/conv.h"
#include "kernels/conv/winograd_blocking.h"
#include "kernels/kernel.h"

namespace whet::kernels::winograd {

using conv::Params;
using conv::TileRow;

inline constexpr int64_t kTile = conv::kWinogradTile;
inline constexpr int64_t kInputs = conv::kWinogradInputs;
inline constexpr int64_t kPositions = kInputs * kInputs;
inline constexpr int64_t kMostTiles = 64;  // of a unit

std::span<const TileRow> Rows();
void AppendRows(std::vector<const Row*>* rows);

// kUnsupported also where conv is expected to be as fast.
Status Choose(Isa isa, Params* params, Choice* choice);
// With a given row, wherever it computes the right thing.
Status Choose(const TileRow& row, Params* params, Choice* choice);

// Where the parts of a scratch begin, in bytes, and how they are laid out, in floats.
struct ScratchLayout {
  int64_t row;           // of a tile's transformed inputs at a position
  int64_t input_step;    // from a position's transformed inputs to the next
  int64_t weight_step;   // from a position's transformed weights to the next
  int64_t product_step;  // from a position's products to the next
  int64_t list;          // pointers [tile_m]
  int64_t taps;          // pointers [kPositions]
  int64_t padding;       // zeros for all channels, readable beyond
  int64_t inputs;        // [kPositions][m_tile][channels]
  int64_t weights;       // [kPositions][channels][tile_n]
  int64_t products;      // [kPositions][m_tile][tile_n]
  int64_t bytes;
};
// The sizes in `p` are checked.
ScratchLayout LayOutScratch(const Params& p, int tile_m, int tile_n, int lanes);

// Of the weights packed for `row` (one of this family's), in floats; weights and steps as conv::Pack takes
// them.
int64_t PackedSize(const Row& row, const Params& params);
void Pack(const Row& row, const Params& params, const float* weights, const int64_t (&steps)[4],
          float* packed);

}  // namespace whet::kernels::winograd
