// What If, Loop and Scan share.
#pragma once

#include <span>

#include "ir/evaluate.h"
#include "ir/op_def.h"

namespace whet::ops {

// What is true of both types.
Type JoinTypes(const Type& a, const Type& b);

// `tensor` at `index` of dimension `axis`, which disappears.
TensorPtr SliceAt(const TensorPtr& tensor, int axis, int64_t index);
// Tensors of one shape along a new dimension `axis`. Of no tensors: `element` says the type, its unknown
// dimensions are 0.
Result<TensorPtr> Stack(std::span<const TensorPtr> tensors, int axis, const Type& element);

}  // namespace whet::ops
