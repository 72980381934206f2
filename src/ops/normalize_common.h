// LayerNormalization and RMSNormalization: rows over the last dimensions from `axis` on.
#pragma once

#include "ops/typed_common.h"

namespace whet::ops {

// A tensor as `count` rows of `size` elements.
struct Rows {
  int64_t count = 1, size = 1;
  int first = 0;  // the first dimension of a row
};
inline Rows RowsFrom(const Shape& shape, int64_t axis) {
  Rows rows;
  rows.first = std::max(0, NormalizeAxis(axis, shape.rank()));
  for (int i = 0; i < shape.rank(); ++i) (i < rows.first ? rows.count : rows.size) *= shape[i];
  return rows;
}

// `parameter` (a scale or a bias, which broadcasts over x) for the rows of x: one row where it is the same
// for all of them, else one for each. Null if absent.
template <typename T>
struct RowParameter {
  const T* values = nullptr;
  int64_t stride = 0;
  const T* Row(int64_t row) const { return values == nullptr ? nullptr : values + row * stride; }
};

template <typename T>
RowParameter<T> ParameterOfRows(ReferenceContext& context, size_t input, const Shape& x, const Rows& rows) {
  RowParameter<T> parameter;
  const T* values = InputArray<T>(context, input);
  if (values == nullptr) return parameter;
  const Shape& shape = context.input(input).shape;
  parameter.values = values;
  if (shape == Shape(x.dims().subspan(static_cast<size_t>(rows.first)))) return parameter;
  T* expanded = context.Scratch<T>(x.elements()).data();
  int64_t i = 0;
  for (IndexWalk walk(x, {BroadcastStrides(shape, x)}); !walk.done(); walk.Next(), ++i) {
    expanded[i] = values[walk.offset(0)];
  }
  parameter.values = expanded;
  parameter.stride = rows.size;
  return parameter;
}

}  // namespace whet::ops
