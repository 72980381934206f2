// What the elementwise operators share: broadcasting shapes, and loops over elements of any type.
#pragma once

#include "base/reference.h"
#include "ir/op_def.h"
#include "ops/elements_common.h"

namespace whet::ops {

// The numpy broadcast of two dimensions lists; an error names both. Unknown dimensions give the best bounds.
Result<std::vector<Dim>> BroadcastDims(std::span<const Dim> a, std::span<const Dim> b);
// Whether a parameter of those dimensions can be broadcast to x without making x larger or empty, as far as
// is known.
bool BroadcastsOver(std::span<const Dim> x, std::span<const Dim> parameter);
// Of all present inputs; unranked if one is.
Result<Type> BroadcastInputs(const InferContext& context, DType dtype);

// Output 0 has input 0's type.
Status InferSameType(InferContext& context);
// All inputs have the same element type; output 0 is their broadcast.
Status InferBroadcast(InferContext& context);
// Likewise, and the type must not be a floating one.
Status InferBroadcastIntegers(InferContext& context);
// As InferBroadcast, with a boolean output (comparisons).
Status InferBroadcastToBool(InferContext& context);

// Output 0 is boolean and has input 0's shape.
Status InferUnaryToBool(InferContext& context);

// y = f(x) for any callable, computed in double and rounded once.
template <typename F>
Status MapReference(ReferenceContext& context, F f) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  for (int64_t i = 0, n = y.elements(); i < n; ++i) StoreFloat(y, i, f(LoadFloat(x, i)));
  return {};
}

// y = f(x), computed in double and rounded once. Integer inputs use g where given.
Status UnaryReference(ReferenceContext& context, double (*f)(double), int64_t (*g)(int64_t) = nullptr);
// y = f(a, b) with broadcasting; integers (and bool) use g, and u64 uses h where given (where g would take
// the upper half of its range for negative numbers).
Status BinaryReference(ReferenceContext& context, double (*f)(double, double), int64_t (*g)(int64_t, int64_t),
                       uint64_t (*h)(uint64_t, uint64_t) = nullptr);
// The same over any number of inputs from left to right: f(f(a, b), c). One input is copied.
Status VariadicReference(ReferenceContext& context, double (*f)(double, double),
                         int64_t (*g)(int64_t, int64_t), uint64_t (*h)(uint64_t, uint64_t) = nullptr);

}  // namespace whet::ops
