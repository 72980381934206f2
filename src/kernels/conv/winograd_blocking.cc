#include "kernels/conv/winograd_blocking.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"

namespace whet::kernels::conv {

int64_t WinogradTilesOf(const Geometry& g) {
  return g.batch * CeilDiv(g.out_h, kWinogradTile) * CeilDiv(g.out_w, kWinogradTile);
}

void CutWinogradTiles(const WinogradBlocking& blocking, Geometry* g) {
  // The transformed inputs of a unit should stay in the L2 cache, beside a panel of weights; its products,
  // too.
  constexpr int64_t kInputBytes = 224 << 10, kMostTiles = 36;
  constexpr int64_t kPositions = kWinogradInputs * kWinogradInputs;
  // Below these, inputs or weights are transformed too often for too little.
  constexpr int64_t kFewTiles = 18, kFewPanels = 4;
  constexpr int64_t kUnits = 8;  // to balance threads with
  const int64_t tiles = WinogradTilesOf(*g);
  const int64_t most = std::clamp(kInputBytes / (kPositions * blocking.element_bytes) / g->cin,
                                  blocking.fewest_tiles, kMostTiles);
  const int64_t blocks = std::max(CeilDiv(tiles, most), std::clamp<int64_t>(tiles / kFewTiles, 1, kUnits));
  // Whole steps of the inner loop.
  g->m_tile = g->m_block = std::min(RoundUp(CeilDiv(tiles, blocks), blocking.tile_m), tiles);
  const int64_t panels = CeilDiv(g->cout, blocking.tile_n);
  const int64_t n_blocks =
      std::clamp<int64_t>(kUnits / CeilDiv(tiles, g->m_block), 1, CeilDiv(panels, kFewPanels));
  g->n_block = CeilDiv(panels, n_blocks) * blocking.tile_n;
}

}  // namespace whet::kernels::conv
