// What the elementwise operators share: broadcasting shapes, and loops over elements of any type.
#pragma once

#include "base/reference.h"
#include "ir/op_def.h"

namespace whet::ops {

// The numpy broadcast of two dimensions lists; an error names both. Unknown dimensions give the best bounds.
Result<std::vector<Dim>> BroadcastDims(std::span<const Dim> a, std::span<const Dim> b);
// Of all present inputs; unranked if one is.
Result<Type> BroadcastInputs(const InferContext& context, DType dtype);

// Output 0 has input 0's type.
Status InferSameType(InferContext& context);
// All inputs have the same element type; output 0 is their broadcast.
Status InferBroadcast(InferContext& context);
// Likewise, with a boolean output (comparisons).
Status InferBroadcastToBool(InferContext& context);

// y = f(x), computed in double and rounded once. Integer inputs use g where given.
Status UnaryReference(ReferenceContext& context, double (*f)(double), int64_t (*g)(int64_t) = nullptr);
// y = f(a, b) with broadcasting; integers (and bool) use g.
Status BinaryReference(ReferenceContext& context, double (*f)(double, double),
                       int64_t (*g)(int64_t, int64_t));

}  // namespace whet::ops
