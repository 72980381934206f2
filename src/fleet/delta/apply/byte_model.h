// The model of bytes that are no tensor's: headers, indexes, text. Each bit is predicted from the bytes
// before it (orders 1 to 4, and the byte four before), from what followed when the same bytes stood there
// last, and from the base's byte in its place.
#pragma once

#include <array>
#include <cstdint>

#include "fleet/delta/apply/context_mixing.h"
#include "fleet/delta/apply/hashed_bits.h"

namespace whet::fleet {

class ByteModel {
 public:
  // `base`: the byte that stands in its place in the base, or -1.
  template <typename Coder>
  uint8_t Code(Coder& coder, HashedBits& bits, int base, uint8_t byte) {
    const auto expected = static_cast<uint32_t>(match_length_ > 0 ? history_[match_ % kHistory] : 0);
    const uint32_t match = match_length_ == 0 ? 0 : 1 + Bucket(match_length_);
    const uint32_t hits = base < 0 ? 0 : hits_ & 0xf;
    const auto based = static_cast<uint32_t>(base + 1);
    const uint32_t shift = base < 0 ? 0 : 1 + ((shifts_ >> 24) & 0xff);
    const std::array<uint32_t, kInputs> contexts = {
        HashContext(1001, last_ & 0xff),
        HashContext(1002, last_ & 0xffff),
        HashContext(1003, last_ & 0xffffff),
        HashContext(1004, last_),
        HashContext(1005, last_ >> 24, static_cast<uint32_t>(position_ & 3)),
        HashContext(1006, match),
        HashContext(1007, hits | BaseRun() << 4, base < 0 ? 0 : 1),
        HashContext(1008, based, shift << 8 | (last_ & 0xff))};
    auto& mixers = mixers_[base < 0 ? 0 : 1 + BaseRun()][match == 0 ? 0 : 1 + (match - 1) / 2];
    uint32_t node = 1;
    for (int i = 7; i >= 0; --i) {
      std::array<AdaptiveBit*, kInputs> at;
      for (size_t k = 0; k < kInputs; ++k) at[k] = bits.At(contexts[k], node);
      // What the last match and the base expect counts whatever byte it is, as long as the byte agrees so
      // far.
      at[kMatchInput] = bits.At(contexts[kMatchInput], Expected(match > 0, expected, node, i));
      at[kBaseInput] = bits.At(contexts[kBaseInput], Expected(base >= 0, based - 1, node, i));
      node = node << 1 | (mixers.Code(coder, at, (byte >> i & 1) != 0, 120, 10) ? 1u : 0u);
    }
    const auto coded = static_cast<uint8_t>(node);
    Remember(base, coded);
    return coded;
  }

 private:
  static constexpr size_t kInputs = 8;
  static constexpr size_t kMatchInput = 5;
  static constexpr size_t kBaseInput = 6;
  static constexpr uint32_t kHistory = 16 * 1024;
  static constexpr uint32_t kPlaces = 2048;

  static uint32_t Bucket(uint32_t length) {
    return length < 4 ? 0 : (length < 8 ? 1 : (length < 16 ? 2 : (length < 32 ? 3 : 4)));
  }
  // What is expected of bit `i` after those in `node`: which bit, of which place; 0 if nothing.
  static uint32_t Expected(bool known, uint32_t byte, uint32_t node, int i) {
    const bool agrees = known && (byte | 0x100) >> (i + 1) == node;
    return agrees ? 1 + (byte >> i & 1) + 2 * static_cast<uint32_t>(i) : 0;
  }
  // How many bytes in a row were as in the base: none, few, many.
  uint32_t BaseRun() const { return run_ == 0 ? 0 : (run_ < 4 ? 1 : (run_ < 16 ? 2 : 3)); }

  void Remember(int base, uint8_t byte) {
    if (base >= 0) {
      const bool hit = base == byte;
      hits_ = hits_ << 1 | (hit ? 1u : 0u);
      run_ = hit ? run_ + 1 : 0;
    }
    shifts_ = shifts_ << 8 | (base < 0 ? 0u : static_cast<uint32_t>(byte - base) & 0xff);
    if (match_length_ > 0 && history_[match_ % kHistory] == byte) {
      ++match_length_;
      ++match_;
    } else {
      match_length_ = 0;
    }
    history_[position_ % kHistory] = byte;
    ++position_;
    last_ = last_ << 8 | byte;
    uint32_t& place = places_[HashContext(1009, last_, history_[(position_ - 5) % kHistory]) % kPlaces];
    if (match_length_ == 0 && place != 0 && position_ - place < kHistory) {
      match_ = place;
      while (match_length_ < 32 && match_length_ < match_ &&
             history_[(match_ - 1 - match_length_) % kHistory] ==
                 history_[(position_ - 1 - match_length_) % kHistory]) {
        ++match_length_;
      }
    }
    place = position_;
  }

  std::array<std::array<Mixer<kInputs>, 4>, 5> mixers_;
  std::array<uint8_t, kHistory> history_{};
  std::array<uint32_t, kPlaces> places_{};
  uint32_t position_ = 0;  // modulo 2^32
  uint32_t last_ = 0;      // the last four bytes
  uint32_t match_ = 0;
  uint32_t match_length_ = 0;
  uint32_t hits_ = 0;    // of the last bytes, which were as in the base
  uint32_t run_ = 0;     // how many of them in a row
  uint32_t shifts_ = 0;  // the last four distances from the base
};

}  // namespace whet::fleet
