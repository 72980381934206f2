// The fixed part of a delta (.wdelta), which turns one file into another: docs/delta.md describes all of it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "model_file/sha256.h"

namespace whet::fleet {

static_assert(std::endian::native == std::endian::little, "deltas are little-endian and used in place");

// Readers refuse a delta whose `readable_from` is beyond their own version. Any change of the models in this
// folder changes what the bits mean, so it raises both numbers.
//
// Version 2 added the expanded form of Model files (expanded_file.h); deltas that do not use it say 1.
inline constexpr uint32_t kDeltaFormatVersion = 2;

inline constexpr char kDeltaMagic[8] = {'W', 'H', 'D', 'L', '\r', '\n', 0x1a, 0};

struct DeltaHeader {
  char magic[8];
  uint32_t version;  // of the writer
  uint32_t readable_from;
  uint64_t base_bytes;
  uint64_t result_bytes;
  uint64_t body_bytes;  // what follows this header: in version 2 ExpandedSizes, then blocks
  Sha256 base_sha256;
  Sha256 result_sha256;
};
static_assert(sizeof(DeltaHeader) == 104);

// Of a delta whose `readable_from` is 2: instructions are about the files' expanded forms.
struct ExpandedSizes {
  uint64_t base_bytes;
  uint64_t result_bytes;
};
static_assert(sizeof(ExpandedSizes) == 16);

constexpr bool IsExpanded(const DeltaHeader& header) { return header.readable_from >= 2; }

// The body is blocks. Each is coded on its own (the range coder starts afresh, the models go on), so that a
// reader needs to hold no more than one.
struct BlockHeader {
  uint32_t coded_bytes;   // that follow, 1 to MaxBlockBytes
  uint32_t result_bytes;  // that they make, at least 1
};
static_assert(sizeof(BlockHeader) == 8);

// Compressing an index takes the memory that smaller blocks save.
constexpr uint32_t MaxBlockBytes(bool expanded) { return expanded ? 8 * 1024 : 32 * 1024; }

// What a block's bits say: instructions, each making a piece of the result.
enum class Instruction : uint8_t {
  kCopy = 0,        // bytes of the base
  kBytes = 1,       // bytes, predicted from those of the base and those before them
  kLiteral = 2,     // bytes, predicted from those before them
  kDifference = 3,  // elements, as their distance from the base's
  kSparse = 4,      // likewise, most of them equal: how many are equal, then one that is not
  kValues = 5,      // elements on their own
};
inline constexpr uint32_t kInstructionCount = 6;

// How elements are read as numbers.
struct ElementFormat {
  uint8_t bytes;
  uint8_t exponent_bits;  // of floating-point numbers (IEEE 754's layout, or bfloat16), else 0
  bool nibbles;           // two 4-bit integers in a byte
};
inline constexpr ElementFormat kElementFormats[] = {
    {1, 0, false}, {2, 0, false}, {4, 0, false},  {8, 0, false}, {2, 5, false},
    {2, 8, false}, {4, 8, false}, {8, 11, false}, {1, 0, true},
};
inline constexpr uint32_t kElementFormatCount = sizeof(kElementFormats) / sizeof(kElementFormats[0]);

inline constexpr uint32_t kMaxRow = 4096;  // elements

struct Piece {
  Instruction instruction = Instruction::kCopy;
  uint64_t base_offset = 0;  // not for kLiteral and kValues
  uint64_t length = 0;       // of the result, in elements; bytes for the first three
  uint32_t format = 0;       // for elements: index into kElementFormats
  uint32_t row = 1;          // for elements: the distance of an element that likely resembles this one
  bool even = true;          // for elements: low bits are as likely 0 as 1, and not modelled
};

constexpr bool HasElements(Instruction i) { return i >= Instruction::kDifference; }
constexpr bool HasBase(Instruction i) { return i != Instruction::kLiteral && i != Instruction::kValues; }
constexpr uint32_t BytesPerElement(const Piece& piece) {
  return HasElements(piece.instruction) ? kElementFormats[piece.format].bytes : 1;
}

}  // namespace whet::fleet
