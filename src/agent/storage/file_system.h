// The file operations that the agent's state rests on, as an interface: the real ones, and in tests a disk
// that loses what was not synced (power_cut_testing.h) or fails at random (random_faults_testing.h).
//
// Durability is the caller's work, as with POSIX: data is on disk after Sync of the file, a name (created,
// renamed, removed) after SyncFolder of its folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace whet::agent {

// Open for writing at its end. Closed when destroyed, which syncs nothing. One thread at a time.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  virtual Status Write(std::span<const std::byte> bytes) = 0;
  Status Write(std::string_view text) { return Write(std::as_bytes(std::span(text.data(), text.size()))); }
  virtual Status Sync() = 0;
};

class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  // Fills `buffer` from where the last Read ended; fewer bytes only at the end of the file.
  virtual Result<size_t> Read(std::span<std::byte> buffer) = 0;
};

// Any thread, if no two work on the same names at once.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Empties the file if it exists.
  virtual Result<std::unique_ptr<WritableFile>> Create(const std::string& path) = 0;
  // Goes on at the file's end; makes it if it does not exist.
  virtual Result<std::unique_ptr<WritableFile>> Append(const std::string& path) = 0;
  // kNotFound if it does not exist; no other failure has that code.
  virtual Result<std::unique_ptr<ReadableFile>> Open(const std::string& path) = 0;
  virtual Result<uint64_t> Size(const std::string& path) = 0;
  // Replaces `to` at once.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  // Success if there is no such file.
  virtual Status Remove(const std::string& path) = 0;
  // Success if it exists. Its parent exists.
  virtual Status MakeFolder(const std::string& path) = 0;
  // Data of an existing file, whoever wrote it.
  virtual Status SyncFile(const std::string& path) = 0;
  virtual Status SyncFolder(const std::string& path) = 0;
  // Names of the files in a folder, in any order.
  virtual Result<std::vector<std::string>> List(const std::string& path) = 0;
  // What an unprivileged process may still write.
  virtual Result<uint64_t> FreeBytes(const std::string& path) = 0;

  // Reads a whole file of at most `limit` bytes.
  Result<std::string> ReadSmall(const std::string& path, size_t limit);
  // Writes beside `path`, syncs, renames over it, syncs the folder: afterwards `path` is durable.
  Status WriteDurably(const std::string& path, std::string_view content);
  // SHA-256 of a file's bytes, in 64 lower-case hexadecimal digits, read in pieces of 64 KiB.
  Result<std::string> Sha256OfFile(const std::string& path);
};

// The operating system's. Lives as long as the process; any thread.
FileSystem& PosixFileSystem();

// The part of a path before its last slash.
std::string FolderOf(const std::string& path);

}  // namespace whet::agent
