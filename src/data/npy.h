// NumPy's .npy files: versions 1 to 3, either byte order and either element order in; little-endian,
// row-major out.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/status.h"
#include "data/array.h"

namespace whet::data {

// Types that NumPy does not have: bfloat16 is two opaque bytes ('<V2'), which is how NumPy itself stores the
// bfloat16 of the ml_dtypes package; 4-bit integers are written as 8-bit ones.
Result<Array> ParseNpy(std::span<const std::byte> bytes);
Result<Array> ReadNpy(const std::string& path);

// The header, padded so that the elements begin at a multiple of 64.
std::string NpyHeader(DType dtype, const Shape& shape);
// Replaces `path` atomically.
Status WriteNpy(const std::string& path, const TensorView& view);

}  // namespace whet::data
