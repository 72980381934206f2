// Applying a delta to a file. What the device side needs: depends on no Graph and no operator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "fleet/delta/apply/delta_decoder.h"
#include "fleet/delta/apply/format.h"

namespace whet::fleet {

// Reads parts of a file without holding any of it. Movable; any thread.
class BaseFile {
 public:
  static Result<BaseFile> Open(const std::string& path);
  BaseFile(BaseFile&& other) noexcept;
  BaseFile& operator=(BaseFile&&) = delete;
  ~BaseFile();

  uint64_t size() const { return size_; }
  Status ReadAt(uint64_t offset, std::span<std::byte> bytes) const;

 private:
  BaseFile(int fd, uint64_t size, std::string path) : fd_(fd), size_(size), path_(std::move(path)) {}
  int fd_ = -1;
  uint64_t size_ = 0;
  std::string path_;
};

// Makes the result while the delta arrives: nothing of the delta is kept. The result is written beside
// `result_path` and takes that name in Finish, once its SHA-256 is right; until then, and after any error,
// there is nothing at `result_path` but what was there before, and destroying this removes what was written.
// One use, one thread. Less than 256 KiB of memory, whatever the files' sizes.
class DeltaApplier {
 public:
  // `result_sha256` comes from signed metadata; so does `result_bytes`, 0 if it is not known.
  static Result<std::unique_ptr<DeltaApplier>> Create(const std::string& base_path,
                                                      const std::string& result_path,
                                                      const Sha256& result_sha256, uint64_t result_bytes = 0);
  virtual ~DeltaApplier() = default;

  // The delta's next bytes, in pieces of any size.
  virtual Status Write(std::span<const std::byte> bytes) = 0;
  // After the last of them: verifies the result, syncs it and gives it its name.
  virtual Status Finish() = 0;
};

// The same for a delta that is a file.
Status ApplyDelta(const std::string& base_path, const std::string& delta_path, const std::string& result_path,
                  const Sha256& result_sha256, uint64_t result_bytes = 0);

// What a delta says of itself, from its first bytes alone.
Result<DeltaHeader> ReadDeltaHeader(const std::string& delta_path);

}  // namespace whet::fleet
