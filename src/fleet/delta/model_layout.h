// Where in a Model file its tensors' bytes stand.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/file.h"
#include "base/status.h"
#include "base/tensor_view.h"
#include "fleet/delta/byte_matcher.h"
#include "model_file/model_file.h"

namespace whet::fleet {

struct TensorPlace {
  std::string name;  // of the first constant that has these bytes
  DType dtype = DType::kUndefined;
  Shape shape;
  ByteRange range;  // in the file
};

struct ModelLayout {
  Model model;
  std::vector<TensorPlace>
      tensors;  // in the file's order, without overlaps; strings and empty tensors are left out
};

// Maps nothing: `file` stays the caller's and must live as long as the layout.
Result<ModelLayout> ReadModelLayout(const MappedFile& file);

// A layout of a file that is no (valid) Model file has no tensors.
ModelLayout ReadAnyLayout(const MappedFile& file);

// What lies between the tensors.
std::vector<ByteRange> RangesBetween(std::span<const TensorPlace> tensors, uint64_t file_bytes);

}  // namespace whet::fleet
