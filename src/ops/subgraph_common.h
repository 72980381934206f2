// What If, Loop, Scan and the operators on sequences share.
#pragma once

#include <span>

#include "ir/evaluate.h"
#include "ir/op_def.h"

namespace whet::ops {

// Whether one value can be of either type: if they differ in their sizes only, or in that one is optional.
bool CanJoin(const Type& a, const Type& b);
// What is true of both types, for which CanJoin.
Type JoinTypes(const Type& a, const Type& b);

// `tensor` at `index` of dimension `axis`, which disappears.
TensorPtr SliceAt(const TensorPtr& tensor, int axis, int64_t index);
// Tensors of one shape along a new dimension `axis`. Of no tensors: `element` says the type, its unknown
// dimensions are 0.
Result<TensorPtr> Stack(std::span<const TensorPtr> tensors, int axis, const Type& element);

// Tensors that differ in dimension `axis` only, one after the other along it. At least one tensor.
Result<TensorPtr> Join(std::span<const TensorPtr> tensors, int axis);
// The part of `tensor` from `begin` on, `size` long, along dimension `axis`.
TensorPtr SliceRange(const TensorPtr& tensor, int axis, int64_t begin, int64_t size);

}  // namespace whet::ops
