#include "kernels/recurrent/pack.h"

namespace whet::kernels::recurrent {

int64_t PackedSize(int64_t gates, int64_t hidden) {
  return (hidden + kUnits - 1) / kUnits * kUnits * hidden * gates;
}

void Pack(const float* weights, int64_t gates, int64_t hidden, float* packed) {
  for (int64_t block = 0; block < hidden; block += kUnits) {
    for (int64_t k = 0; k < hidden; ++k) {
      for (int64_t gate = 0; gate < gates; ++gate) {
        for (int64_t unit = block; unit < block + kUnits; ++unit) {
          *packed++ = unit < hidden ? weights[(gate * hidden + unit) * hidden + k] : 0.0f;
        }
      }
    }
  }
}

}  // namespace whet::kernels::recurrent
