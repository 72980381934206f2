// Finds bytes of the base in the result, wherever they stand and also where some of them changed: the method
// of Percival's bsdiff ("Naive differences of executable code", 2003), with chained hashes in the suffix
// array's place.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace whet::fleet {

struct ByteRange {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

struct ByteMatch {
  uint64_t result_offset = 0;
  uint64_t base_offset = 0;
  uint64_t bytes = 0;
};

class ByteMatcher {
 public:
  // Only what lies in `ranges` is found. `base` must live as long as this. Takes some 8 bytes of memory for
  // each byte of the ranges, 1 GiB at most.
  ByteMatcher(std::span<const uint8_t> base, std::span<const ByteRange> ranges);

  // In the result's order, without overlaps; what lies between is not in the base. Most bytes of each match
  // are equal.
  std::vector<ByteMatch> Find(std::span<const uint8_t> result, ByteRange range) const;

 private:
  struct Exact {
    uint64_t base_offset = 0;
    uint64_t bytes = 0;
  };
  Exact Longest(std::span<const uint8_t> result, uint64_t at, uint64_t end) const;

  std::span<const uint8_t> base_;
  int hash_bits_ = 0;
  uint64_t step_ = 1;
  std::vector<uint32_t> heads_;     // by hash: 1 + index of the last place that has it; 0: none
  std::vector<uint32_t> previous_;  // by index of a place: likewise
  std::vector<uint64_t> places_;    // by index: offset in the base
};

}  // namespace whet::fleet
