// Reading and writing single elements of any type: what references are made of. Slow and plain on purpose.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "base/tensor_view.h"

namespace whet::ops {

// Element i of a dense tensor, as a double (exact for all but large 64-bit integers) or as an integer (floats
// are truncated). Handles packed 4-bit types. A string is no number: 0, and storing does nothing.
double LoadFloat(const TensorView& view, int64_t i);
int64_t LoadInt(const TensorView& view, int64_t i);
// Rounds to the type once; integers wrap.
void StoreFloat(const TensorView& view, int64_t i, double value);
void StoreInt(const TensorView& view, int64_t i, int64_t value);
// All elements of an integer tensor.
std::vector<int64_t> IntsOf(const TensorView& view);
// -1, 0 or 1 as element i of a is below, equal to or above element j of b, of the same type. NaN is above all
// numbers, so that sorting has an order; strings are compared by their bytes.
int CompareElements(const TensorView& a, int64_t i, const TensorView& b, int64_t j);
// Copies one element between tensors of the same type. Of strings, not the characters.
void CopyElement(const TensorView& from, int64_t i, const TensorView& to, int64_t j);

// Copies `count` successive elements between tensors of the same type.
void CopyElements(const TensorView& from, int64_t i, const TensorView& to, int64_t j, int64_t count);

// Walks the row-major indices of `shape`, carrying the matching flat offset into each of several tensors that
// are given by strides (0 where a dimension is broadcast).
class IndexWalk {
 public:
  IndexWalk(const Shape& shape, std::vector<std::vector<int64_t>> strides);
  bool done() const { return done_; }
  void Next();
  int64_t offset(size_t operand) const { return offsets_[operand]; }
  const Shape& index() const { return index_; }

 private:
  Shape shape_;
  Shape index_;
  std::vector<std::vector<int64_t>> strides_;
  std::vector<int64_t> offsets_;
  bool done_ = false;
};

// Row-major strides in elements.
std::vector<int64_t> StridesOf(const Shape& shape);
// Strides with which `shape` reads when broadcast (numpy rules) to `to`.
std::vector<int64_t> BroadcastStrides(const Shape& shape, const Shape& to);

// -1 and below count from the end; out of range is returned as -1.
inline int NormalizeAxis(int64_t axis, int rank) {
  if (axis < 0) axis += rank;
  return axis >= 0 && axis < rank ? static_cast<int>(axis) : -1;
}

}  // namespace whet::ops
