#include "kernels/gemm/blocking.h"

#include <algorithm>

namespace whet::kernels {

Blocking ChooseBlocking(int64_t copies, int64_t m, int64_t n, int64_t k, int tile_m, int tile_n,
                        bool b_in_scratch) {
  // While a unit walks down the rows of A, its columns of B are read again for every tile: they should stay
  // in the L2 cache. Half of the smallest L2 that we meet on larger cores, the rest is for A and C.
  const int64_t bytes_of_b = (b_in_scratch ? 256 : 512) << 10;
  constexpr int64_t kLeastRows = 128;
  // Enough units to balance two to eight threads; more only cost their start.
  constexpr int64_t kUnits = 32;
  // Below this many multiply-adds a unit is not worth its start.
  constexpr int64_t kUnitWork = 1 << 16;

  Blocking blocking;
  // Equal tiles: a remainder of one row would take as long as four.
  blocking.m_tile = CeilDiv(m, CeilDiv(m, tile_m));
  const int64_t m_tiles = CeilDiv(m, blocking.m_tile);
  const int64_t panels = CeilDiv(n, tile_n);
  int64_t block_panels = std::clamp<int64_t>(bytes_of_b / 4 / k / tile_n, 1, panels);
  block_panels = CeilDiv(panels, CeilDiv(panels, block_panels));

  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const int64_t wanted =
      std::clamp<int64_t>(static_cast<int64_t>(std::min(work / kUnitWork, 1e9)), 1, CeilDiv(kUnits, copies));
  const int64_t n_blocks = CeilDiv(panels, block_panels);
  const int64_t most_m_blocks = b_in_scratch ? std::clamp<int64_t>(m / kLeastRows, 1, m_tiles) : m_tiles;
  const int64_t m_blocks = std::clamp<int64_t>(wanted / n_blocks, 1, most_m_blocks);
  blocking.m_block = CeilDiv(m_tiles, m_blocks) * blocking.m_tile;
  // Few rows: cut the columns.
  if (m_blocks * n_blocks < wanted) {
    block_panels = std::max<int64_t>(1, panels * m_blocks / wanted);
  }
  blocking.n_block = block_panels * tile_n;
  return blocking;
}

}  // namespace whet::kernels
