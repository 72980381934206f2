#include "kernels/gemm/pack.h"

#include <algorithm>

#include "kernels/gemm/blocking.h"

namespace whet::kernels {

int64_t PackedPanelsSize(int lanes, int64_t k, int64_t n) { return RoundUp(n, lanes) * k; }

void PackPanels(int tile_n, int lanes, int64_t k, int64_t n, const float* b, int64_t step_k, int64_t step_n,
                float* packed) {
  for (int64_t first = 0; first < n; first += tile_n) {
    const int64_t columns = std::min<int64_t>(tile_n, n - first);
    const int64_t width = RoundUp(columns, lanes);
    for (int64_t p = 0; p < k; ++p) {
      const float* row = b + p * step_k + first * step_n;
      for (int64_t j = 0; j < columns; ++j) packed[j] = row[j * step_n];
      std::fill(packed + columns, packed + width, 0.0f);
      packed += width;
    }
  }
}

}  // namespace whet::kernels
