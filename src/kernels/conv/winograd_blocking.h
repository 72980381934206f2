// How the tiles of Winograd's method F(4x4, 3x3) are cut into units of work, whatever the elements are.
#pragma once

#include <cstdint>

#include "kernels/conv/geometry.h"

namespace whet::kernels::conv {

inline constexpr int64_t kWinogradTile = 4;                    // outputs of a tile, each way
inline constexpr int64_t kWinogradInputs = kWinogradTile + 2;  // inputs under it

// Tiles of all images.
int64_t WinogradTilesOf(const Geometry& geometry);

struct WinogradBlocking {
  int64_t tile_m, tile_n;  // the inner loop's
  int64_t element_bytes;   // of a transformed input
  int64_t fewest_tiles;    // of a unit, also where their transformed inputs do not fit the L2 cache
};
// Fills m_tile and m_block, which count tiles, and n_block.
void CutWinogradTiles(const WinogradBlocking& blocking, Geometry* geometry);

}  // namespace whet::kernels::conv
