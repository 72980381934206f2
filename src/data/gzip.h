// Reading .gz files piece by piece.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/status.h"

namespace whet::data {

// Also reads files that are not compressed, as they are. Movable; used by one thread at a time.
class GzipReader {
 public:
  static Result<GzipReader> Open(const std::string& path);
  GzipReader(GzipReader&& other) noexcept;
  GzipReader& operator=(GzipReader&&) = delete;
  ~GzipReader();

  // Fills `bytes` as far as the file goes; fewer only at its end. A damaged or shortened file is an error.
  Result<size_t> Read(std::span<std::byte> bytes);

 private:
  GzipReader(void* file, std::string path) : file_(file), path_(std::move(path)) {}
  void* file_;
  std::string path_;
};

}  // namespace whet::data
