// Files: mapping one to read, and replacing one so that a crash, Ctrl-C or a full disk never leaves half of
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace whet {

// A whole file mapped read-only. Movable; unmaps when destroyed. Immutable, so safe to share among threads.
// Whoever truncates the file while it is mapped causes SIGBUS, as with every mmap; replace files by rename.
class MappedFile {
 public:
  static Result<MappedFile> Open(const std::string& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  // Page-aligned; empty for an empty file.
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::string path_;
};

// Writes to a temporary file beside `path`; Commit fsyncs it, renames it over `path` and fsyncs the folder.
// Destroyed without Commit, it removes the temporary file and `path` is as it was.
class AtomicFile {
 public:
  static Result<AtomicFile> Create(const std::string& path);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Status Write(std::span<const std::byte> bytes);
  Status Write(std::string_view text) { return Write(std::as_bytes(std::span(text.data(), text.size()))); }
  // Writes zeros up to the next multiple of `alignment`.
  Status AlignTo(uint64_t alignment);
  uint64_t size() const { return size_; }
  Status Commit();

 private:
  AtomicFile(int fd, std::string path, std::string temporary)
      : fd_(fd), path_(std::move(path)), temporary_(std::move(temporary)) {}
  int fd_ = -1;
  uint64_t size_ = 0;
  std::string path_;
  std::string temporary_;
};

// Removes the temporary files of every AtomicFile that is open; async-signal-safe, for a SIGINT handler.
void RemoveTemporaryFilesFromSignalHandler();

// Create + Write + Commit.
Status WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes);

}  // namespace whet
