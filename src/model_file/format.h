// The fixed part of a Model file.
#pragma once

#include <bit>
#include <cstdint>

#include "model_file/sha256.h"

namespace whet {

static_assert(std::endian::native == std::endian::little, "Model files are little-endian and used in place");

// What this reader knows. A writer states in `readable_from` the earliest version whose readers understand
// its file; a reader refuses files whose `readable_from` is beyond its own version, and ignores fields it
// does not know in all others.
//
// Version 2 added strings, sequences and optional values; files without them say 1. Version 3 added the
// compact form, which files with many small tensors have: these stand in the index, and the index is
// compressed. Version 4 put the names of compact files in one place.
inline constexpr uint32_t kModelFormatVersion = 4;

inline constexpr uint64_t kTensorAlignment = 64;

struct ModelHeader {
  char magic[8];
  uint32_t version;  // of the writer
  uint32_t readable_from;
  uint64_t index_bytes;   // as they are in the file, right after this header
  uint64_t tensor_bytes;  // from the end of the index, rounded up to 64, to the end of the file
  Sha256 index_sha256;    // of the index before it is compressed
};
static_assert(sizeof(ModelHeader) == 64);

inline constexpr char kModelMagic[8] = {'W', 'H', 'E', 'T', '\r', '\n', 0x1a, 0};

// In front of an index that is compressed (RFC 1950). Others have "WHTM" in place of "WHTZ".
struct CompressedIndexHeader {
  char magic[8];
  uint64_t bytes;  // of the index before it was compressed
};
inline constexpr char kCompressedIndexMagic[8] = {0, 0, 0, 0, 'W', 'H', 'T', 'Z'};
// Nothing is compressed further, so that a small file cannot ask for much memory.
inline constexpr uint64_t kMostCompression = 64;

// The compact form is for Graphs with at least so many tensors that are smaller than a page.
inline constexpr uint64_t kSmallTensorBytes = 4096;
inline constexpr size_t kManySmallTensors = 16;

constexpr uint64_t AlignTensor(uint64_t offset) {
  return (offset + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
}

}  // namespace whet
