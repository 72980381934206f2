#include "ops/quantize_common.h"

#include <cmath>

#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"

namespace whet::ops {

Status CheckQuantization(InferContext& context) {
  const Type& x = context.input(0);
  const Type& scale = context.input(1);
  if (!IsFloat(scale.dtype) && scale.dtype != DType::kI32) {
    return Error(Code::kBadFile, "the scale is %s; it must be floating", ToString(scale).c_str());
  }
  const int64_t block = context.attributes().Int("block_size");
  if (block < 0) return Error(Code::kBadFile, "block_size is %lld", static_cast<long long>(block));
  if (context.HasInput(2)) {
    const Type& zero = context.input(2);
    if (zero.IsStatic() && scale.IsStatic() && zero.ToShape().elements() != scale.ToShape().elements()) {
      return Error(Code::kBadFile, "scale %s and zero point %s differ in shape", ToString(scale).c_str(),
                   ToString(zero).c_str());
    }
  }
  if (!x.ranked || !scale.IsStatic() || scale.ToShape().elements() == 1) return {};
  const int axis = NormalizeAxis(context.attributes().Int("axis", 1), x.rank());
  const auto mismatch = [&] {
    return Error(Code::kBadFile, "scale %s does not fit %s (axis %lld, block_size %lld)",
                 ToString(scale).c_str(), ToString(x).c_str(),
                 static_cast<long long>(context.attributes().Int("axis", 1)), static_cast<long long>(block));
  };
  if (axis < 0) return mismatch();
  const Dim& dim = x.dims[static_cast<size_t>(axis)];
  if (block == 0) {
    const bool fits = scale.rank() == 1 && (!dim.known() || dim.lo == scale.dims[0].lo);
    return fits ? Status() : mismatch();
  }
  bool fits = scale.rank() == x.rank();
  for (int i = 0; fits && i < x.rank(); ++i) {
    const Dim& have = x.dims[static_cast<size_t>(i)];
    const int64_t want = scale.dims[static_cast<size_t>(i)].lo;
    fits = !have.known() || want == (i == axis ? CeilDiv(have.lo, block) : have.lo);
  }
  return fits ? Status() : mismatch();
}

Result<ScaleWalk> ScaleWalk::Make(const ReferenceContext& context) {
  ScaleWalk walk;
  const Shape& x = context.input(0).shape;
  const Shape& scale = context.input(1).shape;
  if (scale.elements() == 1) return walk;
  const int axis = NormalizeAxis(context.attributes().Int("axis", 1), x.rank());
  walk.block_ = context.attributes().Int("block_size");
  if (axis < 0 || (walk.block_ == 0 && scale.elements() != x[axis])) {
    return Error(Code::kInvalidArgument, "scales of shape %s do not fit a tensor of shape %s",
                 scale.ToString().c_str(), x.ToString().c_str());
  }
  walk.size_ = x[axis];
  for (int i = axis + 1; i < x.rank(); ++i) walk.inner_ *= x[i];
  walk.blocks_ = walk.block_ == 0 ? x[axis] : scale[axis];
  return walk;
}

std::pair<double, double> RangeOf(DType dtype) {
  const int bits = BitsOf(dtype);
  if (IsUnsignedInteger(dtype)) return {0, std::ldexp(1.0, bits) - 1};
  return {-std::ldexp(1.0, bits - 1), std::ldexp(1.0, bits - 1) - 1};
}

Value* EmitDequantize(GraphBuilder& builder, Value* x, Value* scale, Value* zero_point, int64_t axis) {
  const auto is_vector = [](const Value* v) {
    return v != nullptr && v->type.rank() == 1 && !(v->type.dims[0].known() && v->type.dims[0].lo == 1);
  };
  // Both must have one shape.
  if (scale == nullptr || (is_vector(zero_point) && !is_vector(scale))) {
    Value* one = scale != nullptr ? scale : builder.Scalar(1);
    scale = is_vector(zero_point)
                ? builder.EmitFolded("Expand", {one, builder.EmitFolded("Shape", {zero_point})})
                : one;
  } else if (zero_point != nullptr && is_vector(scale) && !is_vector(zero_point)) {
    zero_point = builder.EmitFolded("Expand", {zero_point, builder.EmitFolded("Shape", {scale})});
  }
  Attributes attributes;
  if (is_vector(scale)) attributes.Set("axis", axis);
  return zero_point != nullptr ? builder.Emit("DequantizeLinear", {x, scale, zero_point}, attributes)
                               : builder.Emit("DequantizeLinear", {x, scale}, attributes);
}

DynamicallyQuantized EmitDynamicQuantize(GraphBuilder& builder, Value* x) {
  Value* zero = builder.Scalar(0);
  const Attributes to_scalar = {{"keepdims", int64_t{0}}};
  Value* low = builder.Emit("Min", {builder.Emit("ReduceMin", {x}, to_scalar), zero});
  Value* high = builder.Emit("Max", {builder.Emit("ReduceMax", {x}, to_scalar), zero});
  Value* range = builder.Emit("Sub", {high, low});
  // All zero: any scale does.
  Value* step = builder.Emit("Div", {range, builder.Scalar(255)});
  Value* scale = builder.Emit("Where", {builder.Emit("Equal", {range, zero}), builder.Scalar(1), step});
  Value* position = builder.Emit("Sub", {zero, builder.Emit("Div", {low, scale})});
  Value* rounded = builder.Emit("Round", {builder.Emit("Clip", {position, zero, builder.Scalar(255)})});
  Value* zero_point = builder.Emit("Cast", {rounded}, {{"to", OnnxFromDType(DType::kU8)}});
  return {builder.Emit("QuantizeLinear", {x, scale, zero_point}), scale, zero_point};
}

Status ExportQuantization(std::string_view op, const Node& node, OnnxSink& sink) {
  if (node.attributes.Int("block_size") != 0 && sink.opset() < 21) {
    return Error(Code::kUnsupported, "quantization by blocks needs opset 21");
  }
  const DType integers = (op == "QuantizeLinear" ? node.output() : node.input(0))->type.dtype;
  const bool newer = BitsOf(integers) == 4 || BitsOf(integers) == 16;
  if (newer && sink.opset() < 21) {
    return Error(Code::kUnsupported, "quantization to %s needs opset 21",
                 std::string(DTypeName(integers)).c_str());
  }
  std::vector<std::string> inputs;
  for (const Value* value : node.inputs()) inputs.push_back(sink.NameOf(value));
  const std::string result = sink.NameOf(node.output());
  sink.Node(op, inputs, std::span(&result, 1), node.attributes);
  return {};
}

}  // namespace whet::ops
