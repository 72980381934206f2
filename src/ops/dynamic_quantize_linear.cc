#include "ir/foreign.h"
#include "ops/onnx_dtype_common.h"

namespace whet::ops {
namespace {

// The scale that spans all values and 0 in 255 steps.
Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
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
  node.SetResult(0, builder.Emit("QuantizeLinear", {x, scale, zero_point}));
  node.SetResult(1, scale);
  node.SetResult(2, zero_point);
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "DynamicQuantizeLinear", .since = 11, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_dynamic_quantize_linear;
const OpDef op_dynamic_quantize_linear = {
    .name = "DynamicQuantizeLinear",
    .summary = "Quantizes to u8 with the scale and the zero point that fit the data",
    .min_inputs = 1,
    .max_inputs = 1,
    .max_outputs = 3,
    .onnx = kOnnx,
};

}  // namespace whet::ops
