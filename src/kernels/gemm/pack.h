// The packed form of B, which all tiles read: panels of tile_n columns follow each other, each a matrix of k
// rows; the last is only as many vectors wide as it needs, filled up with zeros.
#pragma once

#include <cstdint>

namespace whet::kernels {

// In floats.
int64_t PackedPanelsSize(int lanes, int64_t k, int64_t n);

// Element (p, j) of B is b[p * step_k + j * step_n].
void PackPanels(int tile_n, int lanes, int64_t k, int64_t n, const float* b, int64_t step_k, int64_t step_n,
                float* packed);

}  // namespace whet::kernels
