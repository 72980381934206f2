// Adaptive probabilities found by a hash of their context. Contexts that fall together share one: that costs
// a little compression and no correctness.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "fleet/delta/apply/context_mixing.h"

namespace whet::fleet {

constexpr uint32_t HashContext(uint32_t kind, uint32_t a, uint32_t b = 0) {
  uint32_t h = (kind + 1) * 0x9e3779b1u ^ (a + 0x7f4a7c15u) * 0x85ebca6bu;
  h ^= h >> 15;
  h = (h ^ b) * 0xc2b2ae35u;
  return h ^ h >> 13;
}

class HashedBits {
 public:
  AdaptiveBit* At(uint32_t context, uint32_t node) {
    const uint32_t h = (context + node * 0x9e3779b1u) * 0x2c1b3c6du;
    return &bits_[h >> (32 - kBits)];
  }

 private:
  static constexpr int kBits = 15;  // 128 KiB
  std::array<AdaptiveBit, size_t{1} << kBits> bits_;
};

}  // namespace whet::fleet
