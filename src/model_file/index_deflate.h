// The compressed index of a Model file, made and read piece by piece.
//
// Devices that apply deltas compress the new index themselves (fleet/delta), and must come to the bytes that
// were signed. So the parameters are part of the format: level 9, a window of 4 KiB, blocks of at most 2047
// symbols. They cost some 0.2 % of a file beside zlib's own, and take 38 KiB of memory to compress and 11 KiB
// to decompress in place of 268 and 40.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/status.h"

namespace whet {

inline constexpr int kIndexWindowBits = 12;

// One use, one thread.
class IndexDeflater {
 public:
  using Sink = std::function<Status(std::span<const std::byte>)>;

  static Result<IndexDeflater> Create(Sink sink);

  Status Write(std::span<const std::byte> bytes);
  Status Finish();

 private:
  struct Stream;
  struct Free {
    void operator()(Stream* stream) const;
  };
  IndexDeflater(std::unique_ptr<Stream, Free> stream, Sink sink)
      : stream_(std::move(stream)), sink_(std::move(sink)) {}
  Status Run(std::span<const std::byte> bytes, int flush);

  std::unique_ptr<Stream, Free> stream_;
  Sink sink_;
};

// Reads an index from its beginning on, and from its beginning again. One thread.
class IndexInflater {
 public:
  // Fills as much of the span as there still is of the compressed bytes; says how much.
  using Source = std::function<Result<size_t>(std::span<std::byte>)>;

  static Result<IndexInflater> Create(Source source);

  // The next bytes: all of the span, or an error. An index that needs a larger window is an error.
  Status Read(std::span<std::byte> bytes);
  // The caller sees to it that the source begins anew too.
  void Restart();

 private:
  struct Stream;
  struct Free {
    void operator()(Stream* stream) const;
  };
  IndexInflater(std::unique_ptr<Stream, Free> stream, Source source)
      : stream_(std::move(stream)), source_(std::move(source)) {}

  std::unique_ptr<Stream, Free> stream_;
  Source source_;
};

}  // namespace whet
