// What a value is when the operators that only move elements around are looked through.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/graph.h"

namespace whet {

// Element (i, j, …) of the value is `factor` times element offset + i * strides[0] + j * strides[1] + … of
// `root`, in the order in which those are in memory.
struct StridedView {
  Value* root = nullptr;
  double factor = 1;
  int64_t offset = 0;
  std::vector<int64_t> sizes;
  std::vector<int64_t> strides;
};

// Looks through transposes, reshapes, slices, splits, gathers of one index, and multiplication with a scalar
// as far as the elements' distances stay regular. The types of the values on the way must be static; a value
// of which nothing can be said is its own root.
StridedView ViewOf(Value* value);

}  // namespace whet
