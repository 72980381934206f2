// NumPy's .npz files: a zip archive of .npy files, one per named array.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "data/array.h"

namespace whet::data {

// In the archive's order, names without ".npy". Stored and deflated entries, zip64 included.
Result<std::vector<NamedArray>> ParseNpz(std::span<const std::byte> bytes);
Result<std::vector<NamedArray>> ReadNpz(const std::string& path);

struct NamedView {
  std::string name;
  TensorView view;
};
enum class NpzCompression { kStored, kDeflated };

// Replaces `path` atomically. The same arrays always give the same bytes. Names must be unique and not empty.
Status WriteNpz(const std::string& path, std::span<const NamedView> arrays,
                NpzCompression compression = NpzCompression::kStored);

}  // namespace whet::data
