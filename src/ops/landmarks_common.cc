#include "ops/landmarks_common.h"

namespace whet::ops {

Value* PlaneTransform(GraphBuilder& builder, Value* transform) {
  Value* rows = builder.Emit("Gather", {transform, builder.Ints({0, 1})}, {{"axis", int64_t{1}}});
  return builder.Emit("Gather", {rows, builder.Ints({0, 1, 3})}, {{"axis", int64_t{2}}});
}

Value* FloatRows(GraphBuilder& builder, std::span<const float> values, int64_t width) {
  const Shape shape{1, static_cast<int64_t>(values.size()) / width, width};
  return builder.Const(Constant::Copy(DType::kF32, shape, values.data()));
}

}  // namespace whet::ops
