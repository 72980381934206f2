// The model of a tensor's elements: what becomes of a weight when a network is trained on.
//
// Floating-point numbers are read as integers in the same order, so that the distance of two numbers counts
// the numbers between them. Of a distance its magnitude's bit length is modelled in the contexts of the
// base's exponent and of what neighbours did, then its sign and its highest bits; the lowest are noise.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "fleet/delta/apply/context_mixing.h"
#include "fleet/delta/apply/format.h"
#include "fleet/delta/apply/hashed_bits.h"

namespace whet::fleet {

class ElementModel {
 public:
  // A new run of elements: forgets the neighbours, not what was learned.
  void Start(const Piece& piece) {
    format_ = piece.format;
    row_ = piece.row;
    even_ = piece.even;
    position_ = 0;
    last_ = before_last_ = 0;
    mean_ = 0;
    signs_ = 0;
    classes_.fill(0);
  }

  // The element that stands where `base` stood; `value` is not looked at when decoding.
  template <typename Coder>
  uint64_t CodeDifference(Coder& coder, HashedBits& bits, uint64_t base, uint64_t value) {
    const ElementFormat& format = kElementFormats[format_];
    if (format.bytes == 1) return CodeSmallDifference(coder, bits, base, value, format.nibbles);
    const int width = 8 * format.bytes;
    const uint64_t mask = ~uint64_t{0} >> (64 - width);
    const uint64_t from = InOrder(base, width, format.exponent_bits);
    const uint64_t distance = (InOrder(value, width, format.exponent_bits) - from) & mask;
    bool negative = (distance >> (width - 1)) != 0;
    uint64_t magnitude = negative ? (0 - distance) & mask : distance;

    const uint32_t scale = ScaleOf(base, width, format.exponent_bits);
    const uint32_t up = Up();
    const uint32_t seed = 16 * format_;
    const std::array<uint32_t, 4> contexts = {
        HashContext(seed, scale), HashContext(seed + 1, last_, before_last_),
        HashContext(seed + 2, scale, mean_ >> 3), HashContext(seed + 3, up, mean_ >> 3)};
    uint32_t length = CodeTree(coder, bits, contexts, difference_mixers_, width == 64 ? 7 : 6,
                               static_cast<uint32_t>(std::bit_width(magnitude)));
    if (length > static_cast<uint32_t>(width)) length = static_cast<uint32_t>(width);  // damaged bytes
    if (length > 0) {
      const uint32_t base_sign = static_cast<uint32_t>(base >> (width - 1) & 1);
      AdaptiveBit* sign = bits.At(HashContext(seed + 4, base_sign | (signs_ & 7) << 1, last_ == 0), length);
      negative = CodeBit(coder, *sign, negative, 255);
      signs_ = signs_ << 1 | ((negative ? 1u : 0u) ^ base_sign);
      magnitude = CodeBelow(coder, bits, seed + 5, length, static_cast<int>(length) - 1, magnitude);
    } else {
      magnitude = 0;
    }
    Remember(length, length * 16);
    const uint64_t result = (negative && length > 0 ? from - magnitude : from + magnitude) & mask;
    return OutOfOrder(result, width, format.exponent_bits);
  }

  template <typename Coder>
  uint64_t CodeValue(Coder& coder, HashedBits& bits, uint64_t value) {
    const ElementFormat& format = kElementFormats[format_];
    if (format.bytes == 1) return CodeSmallValue(coder, bits, value);
    if (format.exponent_bits == 0) return CodeDifference(coder, bits, 0, value);
    const int width = 8 * format.bytes;
    const int mantissa = width - 1 - format.exponent_bits;
    const uint32_t up = Up();
    const uint32_t seed = 16 * (format_ + 16);
    const std::array<uint32_t, 4> contexts = {
        HashContext(seed, mean_ >> 2), HashContext(seed + 1, last_, before_last_),
        HashContext(seed + 2, up, mean_ >> 3), HashContext(seed + 3, last_)};
    const uint32_t exponent =
        CodeTree(coder, bits, contexts, value_mixers_, format.exponent_bits,
                 static_cast<uint32_t>(value >> mantissa & ((uint64_t{1} << format.exponent_bits) - 1)));
    AdaptiveBit* sign = bits.At(HashContext(seed + 4, signs_ & 7), 1);
    const bool negative = CodeBit(coder, *sign, (value >> (width - 1) & 1) != 0, 255);
    signs_ = signs_ << 1 | (negative ? 1u : 0u);
    const uint64_t below = CodeBelow(coder, bits, seed + 5, exponent, mantissa, value);
    // The leading one that CodeBelow puts there is the exponent's lowest bit, or not.
    const uint64_t fraction = below & ((uint64_t{1} << mantissa) - 1);
    Remember(exponent, exponent * 4);
    return static_cast<uint64_t>(negative) << (width - 1) | static_cast<uint64_t>(exponent) << mantissa |
           fraction;
  }

 private:
  static constexpr int kModelledBits = 3;

  // The bits as an unsigned number that grows with the element.
  static uint64_t InOrder(uint64_t bits, int width, int exponent_bits) {
    if (exponent_bits == 0) return bits;
    const uint64_t top = uint64_t{1} << (width - 1);
    return (bits & top) != 0 ? ~bits & (top | (top - 1)) : bits | top;
  }
  static uint64_t OutOfOrder(uint64_t number, int width, int exponent_bits) {
    if (exponent_bits == 0) return number;
    const uint64_t top = uint64_t{1} << (width - 1);
    return (number & top) != 0 ? number & ~top : ~number & (top | (top - 1));
  }
  static uint32_t ScaleOf(uint64_t bits, int width, int exponent_bits) {
    if (exponent_bits != 0) {
      return static_cast<uint32_t>(bits >> (width - 1 - exponent_bits) &
                                   ((uint64_t{1} << exponent_bits) - 1));
    }
    const bool negative = (bits >> (width - 1)) != 0;
    return static_cast<uint32_t>(
        std::bit_width(negative ? (0 - bits) & (~uint64_t{0} >> (64 - width)) : bits));
  }

  uint32_t Up() const { return position_ >= row_ ? classes_[(position_ - row_) % kMaxRow] : 0; }
  void Remember(uint32_t what, uint32_t scaled) {
    classes_[position_ % kMaxRow] = static_cast<uint8_t>(what);
    ++position_;
    before_last_ = last_;
    last_ = what;
    mean_ += (static_cast<int32_t>(scaled) - static_cast<int32_t>(mean_)) / 4;
  }

  template <typename Coder, typename Mixers>
  uint32_t CodeTree(Coder& coder, HashedBits& bits, const std::array<uint32_t, 4>& contexts, Mixers& mixers,
                    int count, uint32_t symbol) {
    uint32_t node = 1;
    for (int i = count - 1; i >= 0; --i) {
      const std::array<AdaptiveBit*, 4> at = {bits.At(contexts[0], node), bits.At(contexts[1], node),
                                              bits.At(contexts[2], node), bits.At(contexts[3], node)};
      const bool bit = mixers[node % mixers.size()].Code(coder, at, (symbol >> i & 1) != 0, 250, 6);
      node = node << 1 | (bit ? 1u : 0u);
    }
    return node - (1u << count);
  }

  // The `count` bits of `value` below a leading one, with that one.
  template <typename Coder>
  uint64_t CodeBelow(Coder& coder, HashedBits& bits, uint32_t kind, uint32_t context, int count,
                     uint64_t value) {
    uint64_t known = 1;
    int left = count;
    const int modelled = even_ ? kModelledBits : 64;
    for (; left > 0 && left > count - modelled; --left) {
      // Below the highest bits, only what kind of bit it is matters, not all those above it.
      const uint32_t above = left > count - kModelledBits - 1 ? static_cast<uint32_t>(known) : 0;
      AdaptiveBit* at = bits.At(HashContext(kind, context, above), static_cast<uint32_t>(left));
      const bool bit = CodeBit(coder, *at, (value >> (left - 1) & 1) != 0, 255);
      known = known << 1 | (bit ? 1u : 0u);
    }
    while (left > 0) {
      const int part = left < 16 ? left : 16;
      left -= part;
      const auto even = static_cast<uint32_t>(value >> left & ((uint64_t{1} << part) - 1));
      known = known << part | coder.Even(even, part);
    }
    return known;
  }

  template <typename Coder>
  uint64_t CodeSmallDifference(Coder& coder, HashedBits& bits, uint64_t base, uint64_t value, bool nibbles) {
    const auto from = static_cast<uint32_t>(base & 0xff);
    const auto to = static_cast<uint32_t>(value & 0xff);
    const uint32_t distance =
        nibbles ? ((((to & 0xf0) - (from & 0xf0)) & 0xf0) | ((to - from) & 0x0f)) : ((to - from) & 0xff);
    const uint32_t seed = 16 * format_;
    const std::array<uint32_t, 4> contexts = {
        HashContext(seed, from), HashContext(seed + 1, last_, before_last_),
        HashContext(seed + 2, from, mean_ >> 4), HashContext(seed + 3, Up(), mean_ >> 4)};
    const uint32_t coded = CodeTree(coder, bits, contexts, difference_mixers_, 8, distance);
    RememberSmall(coded);
    if (nibbles) return (((from & 0xf0) + (coded & 0xf0)) & 0xf0) | ((from + coded) & 0x0f);
    return (from + coded) & 0xff;
  }

  template <typename Coder>
  uint64_t CodeSmallValue(Coder& coder, HashedBits& bits, uint64_t value) {
    const uint32_t seed = 16 * (format_ + 16);
    const std::array<uint32_t, 4> contexts = {HashContext(seed, 0), HashContext(seed + 1, mean_ >> 4),
                                              HashContext(seed + 2, Up() >> 4, mean_ >> 6),
                                              HashContext(seed + 3, last_)};
    const uint32_t coded =
        CodeTree(coder, bits, contexts, value_mixers_, 8, static_cast<uint32_t>(value & 0xff));
    RememberSmall(coded);
    return coded;
  }

  void RememberSmall(uint32_t byte) {
    const auto magnitude = static_cast<uint32_t>(byte < 128 ? byte : 256 - byte);
    Remember(byte, magnitude < 64 ? magnitude * 16 : 64 * 16);
  }

  std::array<Mixer<4>, 256> difference_mixers_;
  std::array<Mixer<4>, 256> value_mixers_;
  std::array<uint8_t, kMaxRow> classes_{};
  uint32_t format_ = 0;
  uint32_t row_ = 1;
  bool even_ = true;
  uint64_t position_ = 0;
  uint32_t last_ = 0;
  uint32_t before_last_ = 0;
  uint32_t mean_ = 0;   // of what Remember was told, moving
  uint32_t signs_ = 0;  // of the last differences, against those of their bases
};

}  // namespace whet::fleet
