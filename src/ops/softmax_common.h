// Softmax, LogSoftmax and Hardmax: along one axis, and in old ONNX along all from one axis on.
#pragma once

#include "ir/foreign.h"
#include "ops/typed_common.h"

namespace whet::ops {

// Output 0 has input 0's type; the attribute `axis` (default -1) must lie within its rank.
Status InferAlongAxis(InferContext& context);

// A tensor as outer x size x inner, where `size` is the axis.
struct AxisSplit {
  int64_t outer = 1, size = 1, inner = 1;
};
AxisSplit SplitAt(const Shape& shape, int64_t axis);

// Before opset 13 the axes from `axis` (default 1) on count as one. Rewrites the node's attribute to the
// axis in today's meaning where there is one, else returns those axes.
Result<std::vector<int64_t>> ModernizeAxis(ForeignNode& node);

// Calls line(x, y, stride, size) for every line along the axis, in T.
template <typename T, typename Line>
Status ForLines(ReferenceContext& context, int64_t axis, Line line) {
  const AxisSplit split = SplitAt(context.input(0).shape, axis);
  const T* x = InputArray<T>(context, 0);
  T* y = OutputArray<T>(context, 0);
  for (int64_t o = 0; o < split.outer; ++o) {
    for (int64_t i = 0; i < split.inner; ++i) {
      const int64_t start = o * split.size * split.inner + i;
      line(x + start, y + start, split.inner, split.size);
    }
  }
  StoreArray(context, 0, y);
  return {};
}

}  // namespace whet::ops
