// Making a delta: what turns one Model file into another in as few bytes as possible.
//
// Tensors are matched by their bytes, then by name, then by shape and element type. Each is then told in the
// shortest of several ways, tried by measuring. Whatever is no tensor (header, index, metadata, files that
// are no Model files at all) is matched by its bytes wherever they stand in the base, as bsdiff and xdelta
// do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "fleet/delta/apply/apply_delta.h"

namespace whet::fleet {

struct DeltaReport {
  uint64_t base_bytes = 0;
  uint64_t result_bytes = 0;
  uint64_t delta_bytes = 0;
  Sha256 base_sha256{};
  Sha256 result_sha256{};
  // Of the result's tensors; all are 0 if it is no Model file.
  uint32_t tensors = 0;
  uint32_t unchanged = 0;  // its bytes are in the base
  uint32_t sparse = 0;
  uint32_t changed = 0;  // told as differences
  uint32_t fresh = 0;    // told on their own
  // Of the delta, what tells those that changed or are new. (Small tensors of a compact Model file are in its
  // index, and not among these.)
  uint64_t tensor_bytes = 0;
};

// Writes the delta at once or not at all, after applying it as a device does. Any two files will do; between
// Model files deltas are smallest. Memory: both files mapped or, with a compressed index, held; and some 12
// bytes for each byte of the base that is no tensor. Any thread.
Result<DeltaReport> MakeDelta(const std::string& base_path, const std::string& result_path,
                              const std::string& delta_path);

}  // namespace whet::fleet
