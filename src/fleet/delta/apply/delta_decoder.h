// A delta's bytes, as they arrive, to the result's bytes, as they are made. Knows no files and no network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/status.h"
#include "fleet/delta/apply/expanded_file.h"
#include "fleet/delta/apply/format.h"

namespace whet::fleet {

struct DeltaExpectation {
  uint64_t base_bytes = 0;    // how large the base is here
  Sha256 result_sha256{};     // from signed metadata: the only thing that makes a result trustworthy
  uint64_t result_bytes = 0;  // likewise; 0 if not known: then `max_result_bytes` bounds it
  uint64_t max_result_bytes = uint64_t{1} << 40;
};

// One use, one thread. Holds less than 252 KiB, whatever the delta says.
class DeltaDecoder {
 public:
  DeltaDecoder(const DeltaExpectation& expected, ReadFile read_base, WriteFile write_result);
  ~DeltaDecoder();
  DeltaDecoder(const DeltaDecoder&) = delete;
  DeltaDecoder& operator=(const DeltaDecoder&) = delete;

  // The delta's next bytes, in pieces of any size. After an error every call returns that the delta has
  // failed.
  Status Write(std::span<const std::byte> bytes);
  // The delta has ended: is the result whole, and is it what was expected? Only after this returned success
  // may it be used.
  Status Finish();

  // As soon as it has arrived.
  const std::optional<DeltaHeader>& header() const;
  uint64_t result_bytes_written() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Checks all that can be checked of a header alone.
Status CheckDeltaHeader(const DeltaHeader& header);

}  // namespace whet::fleet
