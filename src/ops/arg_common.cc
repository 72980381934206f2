#include "ops/arg_common.h"

#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {

Status InferArg(InferContext& context) {
  const Type& x = context.input(0);
  if (!x.ranked) {
    context.SetOutput(0, Type::Unranked(DType::kI64));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.rank()));
  Type type(DType::kI64, x.dims);
  const auto position = type.dims.begin() + axis;
  if (context.attributes().Int("keepdims", 1) != 0) {
    *position = Dim(1);
  } else {
    type.dims.erase(position);
  }
  context.SetOutput(0, std::move(type));
  return {};
}

Status ArgReference(ReferenceContext& context, bool largest) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const bool last = context.attributes().Int("select_last_index") != 0;
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.shape.rank()));
  const int64_t size = x.shape[axis];
  if (size == 0 && y.elements() > 0)
    return Error(Code::kInvalidArgument, "the axis %d has no elements", axis);
  const int64_t inner = StridesOf(x.shape)[static_cast<size_t>(axis)];
  for (int64_t i = 0; i < y.elements(); ++i) {
    const int64_t begin = i / inner * size * inner + i % inner;
    int64_t best = 0;
    for (int64_t k = 1; k < size; ++k) {
      const int order = CompareElements(x, begin + k * inner, x, begin + best * inner);
      if ((largest ? order > 0 : order < 0) || (last && order == 0)) best = k;
    }
    y.as<int64_t>()[i] = best;
  }
  return {};
}

}  // namespace whet::ops
