// What the shape inference of operators that move elements about shares.
#pragma once

#include "base/reference.h"
#include "ir/op_def.h"

namespace whet::ops {

// The axis that `value` names in a shape of that rank (negative counts from the end), or an error that says
// so.
Result<int> AxisOf(int64_t value, int rank);
// The axes that the values name, each at most once.
Result<std::vector<int>> AxesOf(std::span<const int64_t> values, int rank);
// What is known of a dimension of which `a` and `b` are both known; an error if they contradict.
Result<Dim> Meet(const Dim& a, const Dim& b);
// The product of dimensions; 1 for none.
Dim ProductOf(std::span<const Dim> dims);

// The type for dimensions of which only the number is known; unranked if not even that.
Type UnknownDims(DType dtype, const Dim& rank);
// The length of the one-dimensional input i.
Dim LengthOf(const InferContext& context, size_t i);
// An error unless input i, if it is there and its type known, is of integers: what shapes are made of.
Status CheckIntegers(const InferContext& context, size_t i, const char* what);

// An index from data, in a dimension of that size (negative counts from the end), or an error that says so.
Result<int64_t> CheckedIndex(int64_t index, int64_t size);

// y has x's elements in x's order, under another shape.
Status CopyReference(ReferenceContext& context);

}  // namespace whet::ops
