// What differs between two Model files, for people: tensors and operators, by name.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "base/tensor_view.h"

namespace whet::fleet {

enum class TensorChange : uint8_t { kUnchanged, kChanged, kAdded, kRemoved };

// "unchanged", "changed", "added", "removed".
std::string_view TensorChangeName(TensorChange change);

struct TensorDifference {
  std::string name;
  TensorChange change = TensorChange::kUnchanged;
  // Of the result's tensor; of the base's if it was removed.
  DType dtype = DType::kUndefined;
  Shape shape;
  uint64_t bytes = 0;
};

struct ModelDifference {
  // In the result's order, then those that were removed. Tensors of strings are left out.
  std::vector<TensorDifference> tensors;
  // How many more of an operator there are in the result, or in the base, by its name; subgraphs included.
  std::map<std::string, uint32_t> operators_added;
  std::map<std::string, uint32_t> operators_removed;
};

// Tensors are matched by name; those whose name is new, by their bytes with one whose name is gone: a tensor
// that was only renamed is unchanged. Reads both files whole at worst. Any thread.
Result<ModelDifference> DiffModels(const std::string& base_path, const std::string& result_path);

}  // namespace whet::fleet
