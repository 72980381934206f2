// The expanded form of a file: of a Model file whose index is compressed the same bytes, but with the index
// as it was before that, in its place; of any other file its bytes.
//
// A change of one name changes all of a compressed index and little of an expanded one. So deltas are made
// between expanded forms, and both sides pack and unpack on the fly.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "base/status.h"
#include "model_file/format.h"
#include "model_file/index_deflate.h"

namespace whet::fleet {

// Fills the span with a file's bytes from the offset on; never asked for bytes beyond the file's end.
using ReadFile = std::function<Status(uint64_t offset, std::span<std::byte>)>;
using WriteFile = std::function<Status(std::span<const std::byte>)>;

// What stands before an index that is compressed, the same in both forms.
struct CompactPrefix {
  ModelHeader model;
  CompressedIndexHeader index;
};
static_assert(sizeof(CompactPrefix) == sizeof(ModelHeader) + sizeof(CompressedIndexHeader));

// Reads a file's expanded form at any place. One thread. Going back in the index begins it anew, and how
// often is bounded, so that no delta keeps a device busy.
class ExpandedReader {
 public:
  static Result<ExpandedReader> Create(uint64_t file_bytes, ReadFile read);

  uint64_t size() const { return size_; }
  // Whether it is not the file itself.
  bool expands() const { return state_ != nullptr; }
  uint64_t IndexEnd() const { return sizeof(CompactPrefix) + index_bytes_; }

  Status ReadAt(uint64_t offset, std::span<std::byte> bytes);

 private:
  struct State {
    std::optional<IndexInflater> inflater;
    uint64_t stored_end = 0;  // of the compressed bytes, in the file
    uint64_t stored_at = 0;
    uint64_t at = 0;    // in the index
    uint64_t work = 0;  // bytes decompressed
  };

  ExpandedReader(uint64_t size, ReadFile read) : size_(size), read_(std::move(read)) {}
  Status ReadIndex(uint64_t offset, std::span<std::byte> bytes);

  uint64_t size_;
  uint64_t index_bytes_ = 0;  // expanded
  ReadFile read_;
  std::unique_ptr<State> state_;
};

// Takes an expanded form and writes the file. One use, one thread.
class ExpandedWriter {
 public:
  // No more is written than `file_bytes`.
  ExpandedWriter(uint64_t file_bytes, WriteFile write) : left_(file_bytes), write_(std::move(write)) {}
  ExpandedWriter(const ExpandedWriter&) = delete;
  ExpandedWriter& operator=(const ExpandedWriter&) = delete;

  Status Write(std::span<const std::byte> bytes);
  // Of what was written: that is the file's size, if the form was whole.
  Status Finish();

 private:
  Status BeginIndex();
  Status EndIndex();
  Status Pass(std::span<const std::byte> bytes);

  uint64_t left_;
  WriteFile write_;
  std::array<std::byte, sizeof(CompactPrefix)> prefix_;
  size_t filled_ = 0;         // of the prefix
  uint64_t index_left_ = 0;   // of the expanded index
  uint64_t stored_left_ = 0;  // of the compressed one
  std::optional<IndexDeflater> deflater_;
};

}  // namespace whet::fleet
