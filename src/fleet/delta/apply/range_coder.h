// Binary arithmetic coding with 64-bit bounds (the carry-free form of Mahoney's "Data Compression Explained",
// section 4.1): bits with a probability, and bits that are as likely 0 as 1.
//
// The coders have one interface, so that a model is written once for both directions: each call gets the
// bit to code (ignored when decoding) and returns the bit coded. Whatever the bytes, decoding gives some
// bits and never reads beyond them.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace whet::fleet {

namespace range {

// Where [low, high] is divided: the part of a one comes first. `one` is its probability times 65536.
constexpr uint64_t Split(uint64_t low, uint64_t high, uint32_t one) {
  const uint64_t width = high - low;
  return low + (width >> 16) * one + (((width & 0xffff) * one) >> 16);
}

// Many equally likely bits at once need a wide interval; both sides ask this.
constexpr bool IsWide(uint64_t low, uint64_t high) { return (high - low) >> 40 != 0; }

inline constexpr int kEvenBits = 16;

}  // namespace range

class RangeEncoder {
 public:
  static constexpr bool kDecodes = false;

  // `one`: from 1 to 65535.
  bool Bit(bool bit, uint32_t one) {
    const uint64_t split = range::Split(low_, high_, one);
    if (bit) {
      high_ = split;
    } else {
      low_ = split + 1;
    }
    Shift();
    return bit;
  }

  // `count` of at most 16.
  uint32_t Even(uint32_t bits, int count) {
    if (!range::IsWide(low_, high_)) {
      for (int i = count - 1; i >= 0; --i) Bit((bits >> i & 1) != 0, 1 << 15);
      return bits;
    }
    const uint64_t part = (high_ - low_) >> count;
    low_ += part * bits;
    high_ = low_ + part - 1;
    Shift();
    return bits;
  }

  size_t size() const { return bytes_.size(); }

  // Ends what was coded, and starts afresh. A decoder takes what is beyond the end as zeros.
  std::vector<uint8_t> Take() {
    for (int bits = 64;; bits -= 8) {
      const uint64_t mask = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
      const uint64_t value = high_ & ~mask;
      if (value < low_ && bits > 0) continue;
      for (int shift = 56; shift >= bits; shift -= 8) bytes_.push_back(static_cast<uint8_t>(value >> shift));
      break;
    }
    if (bytes_.empty()) bytes_.push_back(0);
    low_ = 0;
    high_ = ~uint64_t{0};
    return std::exchange(bytes_, {});
  }

 private:
  void Shift() {
    while ((low_ ^ high_) >> 56 == 0) {
      bytes_.push_back(static_cast<uint8_t>(high_ >> 56));
      low_ <<= 8;
      high_ = high_ << 8 | 0xff;
    }
  }

  uint64_t low_ = 0;
  uint64_t high_ = ~uint64_t{0};
  std::vector<uint8_t> bytes_;
};

class RangeDecoder {
 public:
  static constexpr bool kDecodes = true;

  // `bytes` must live as long as they are decoded.
  void Start(std::span<const uint8_t> bytes) {
    bytes_ = bytes;
    low_ = 0;
    high_ = ~uint64_t{0};
    value_ = 0;
    for (int i = 0; i < 8; ++i) value_ = value_ << 8 | Next();
  }

  bool Bit(bool, uint32_t one) {
    const uint64_t split = range::Split(low_, high_, one);
    const bool bit = value_ <= split;
    if (bit) {
      high_ = split;
    } else {
      low_ = split + 1;
    }
    Shift();
    return bit;
  }

  uint32_t Even(uint32_t, int count) {
    uint32_t bits = 0;
    if (!range::IsWide(low_, high_)) {
      for (int i = 0; i < count; ++i) bits = bits << 1 | (Bit(false, 1 << 15) ? 1u : 0u);
      return bits;
    }
    const uint64_t part = (high_ - low_) >> count;
    const uint64_t index = (value_ - low_) / part;
    const uint64_t last = (uint64_t{1} << count) - 1;
    bits = static_cast<uint32_t>(index < last ? index : last);
    low_ += part * bits;
    high_ = low_ + part - 1;
    // Only damaged bytes lie in the remainder that no bits have.
    if (value_ > high_) value_ = high_;
    Shift();
    return bits;
  }

 private:
  uint8_t Next() {
    if (bytes_.empty()) return 0;
    const uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  void Shift() {
    while ((low_ ^ high_) >> 56 == 0) {
      low_ <<= 8;
      high_ = high_ << 8 | 0xff;
      value_ = value_ << 8 | Next();
    }
  }

  std::span<const uint8_t> bytes_;
  uint64_t low_ = 0;
  uint64_t high_ = ~uint64_t{0};
  uint64_t value_ = 0;
};

// Counts what encoding would take.
class CostCounter {
 public:
  static constexpr bool kDecodes = false;

  CostCounter() {
    for (size_t i = 0; i < bits_of_.size(); ++i) {
      bits_of_[i] = static_cast<float>(-std::log2((static_cast<double>(i) + 0.5) / bits_of_.size()));
    }
  }
  bool Bit(bool bit, uint32_t one) {
    bits_ += bits_of_[(bit ? one : 65536 - one) >> 4];
    return bit;
  }
  uint32_t Even(uint32_t bits, int count) {
    bits_ += count;
    return bits;
  }
  double bits() const { return bits_; }

 private:
  std::array<float, 4097> bits_of_;
  double bits_ = 0;
};

}  // namespace whet::fleet
