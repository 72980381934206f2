#include "ops/softmax_common.h"

namespace whet::ops {

Status InferAlongAxis(InferContext& context) {
  const Type& x = context.input(0);
  const int64_t axis = context.attributes().Int("axis", -1);
  // A scalar counts as a vector of one.
  if (x.ranked && NormalizeAxis(axis, std::max(1, x.rank())) < 0) {
    return Error(Code::kBadFile, "axis %lld is not one of the %d dimensions of %s",
                 static_cast<long long>(axis), x.rank(), ToString(x).c_str());
  }
  context.SetOutput(0, x);
  return {};
}

AxisSplit SplitAt(const Shape& shape, int64_t axis) {
  AxisSplit split;
  if (shape.rank() == 0) return split;
  const int at = NormalizeAxis(axis, shape.rank());
  for (int i = 0; i < shape.rank(); ++i) {
    (i < at ? split.outer : i == at ? split.size : split.inner) *= shape[i];
  }
  return split;
}

Result<std::vector<int64_t>> ModernizeAxis(ForeignNode& node) {
  if (node.version >= 13) return std::vector<int64_t>();
  const Type& x = node.input(0)->type;
  int64_t axis = node.attributes.Int("axis", 1);
  if (!x.ranked) return node.Unsupported("an input whose number of dimensions is not known");
  if (axis < 0) axis += x.rank();
  if (axis < 0 || axis > x.rank()) {
    return Error(Code::kBadFile, "axis %lld is not one of the dimensions of %s", static_cast<long long>(axis),
                 ToString(x).c_str());
  }
  // Dimensions of size 1 make no difference.
  std::vector<int64_t> axes;
  for (int64_t i = axis; i < x.rank(); ++i) {
    const Dim& dim = x.dims[static_cast<size_t>(i)];
    if (!dim.known() || dim.lo != 1) axes.push_back(i);
  }
  if (axes.size() > 1) return axes;
  node.attributes.Set("axis", axes.empty() ? int64_t{-1} : axes[0]);
  return std::vector<int64_t>();
}

}  // namespace whet::ops
