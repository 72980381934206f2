// How a matrix product is cut into units and tiles; the same for products and convolutions.
#pragma once

#include <cstdint>

#include "kernels/extent.h"

namespace whet::kernels {

constexpr int64_t RoundUp(int64_t a, int64_t b) { return CeilDiv(a, b) * b; }

struct Blocking {
  int64_t m_tile;
  int64_t m_block;  // a multiple of m_tile
  int64_t n_block;  // a multiple of tile_n
};

// For `copies` products (batches, groups) of m x k by k x n, by tiles of at most tile_m x tile_n. Units that
// make floats of their columns of B in scratch do so for more rows at once and for less of B.
Blocking ChooseBlocking(int64_t copies, int64_t m, int64_t n, int64_t k, int tile_m, int tile_n,
                        bool b_in_scratch = false);

}  // namespace whet::kernels
