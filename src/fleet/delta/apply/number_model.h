// Adaptive codes of symbols and numbers.
#pragma once

#include <bit>
#include <cstdint>

#include "fleet/delta/apply/context_mixing.h"

namespace whet::fleet {

// A symbol of `Bits` bits, most significant first, each bit in the context of those before it.
template <int Bits>
class SymbolModel {
 public:
  template <typename Coder>
  uint32_t Code(Coder& coder, uint32_t symbol) {
    uint32_t node = 1;
    for (int i = Bits - 1; i >= 0; --i) {
      node = node << 1 | (CodeBit(coder, bits_[node], (symbol >> i & 1) != 0) ? 1u : 0u);
    }
    return node - (1u << Bits);
  }

 private:
  AdaptiveBit bits_[1u << Bits];
};

// A number below 2^62: how many bits it has, then those below the highest, of which two are modelled.
class NumberModel {
 public:
  template <typename Coder>
  uint64_t Code(Coder& coder, uint64_t number) {
    const uint64_t n = number + 1;
    uint32_t width = width_.Code(coder, static_cast<uint32_t>(std::bit_width(n)));
    if (width > 62) width = 62;  // damaged bytes
    if (width < 2) return 0;
    const int below = static_cast<int>(width) - 1;
    uint64_t bits = 1;
    int left = below;
    for (; left > 0 && left > below - 2; --left) {
      const bool bit = CodeBit(coder, high_[width][bits], (n >> (left - 1) & 1) != 0);
      bits = bits << 1 | (bit ? 1u : 0u);
    }
    while (left > 0) {
      const int count = left < 16 ? left : 16;
      left -= count;
      const auto part = static_cast<uint32_t>(n >> left & ((uint64_t{1} << count) - 1));
      bits = bits << count | coder.Even(part, count);
    }
    return bits - 1;
  }

  // Of either sign, below 2^61.
  template <typename Coder>
  int64_t CodeSigned(Coder& coder, int64_t number) {
    const uint64_t folded = static_cast<uint64_t>(number) << 1 ^ static_cast<uint64_t>(number >> 63);
    const uint64_t n = Code(coder, folded);
    return static_cast<int64_t>(n >> 1) ^ -static_cast<int64_t>(n & 1);
  }

 private:
  SymbolModel<6> width_;
  AdaptiveBit high_[63][4];
};

}  // namespace whet::fleet
