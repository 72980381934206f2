#include "ir/spelling.h"
#include "ops/conv_import_common.h"
#include "ops/onnx_dtype_common.h"
#include "ops/quantize_common.h"

namespace whet::ops {
namespace {

// As a convolution of the integers' values; sums are exact up to 2^24.
Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_RETURN_IF_ERROR(AgreeOnRank(node, 1));
  Value* x = EmitDequantize(builder, builder.ToChannelsLast(node.input(0)), nullptr, node.input(2), 0);
  Value* w = EmitDequantize(builder, builder.ToChannelsLast(node.input(1)), nullptr, node.input(3), 0);
  WHET_ASSIGN_OR_RETURN(Value * y, EmitConv(builder, x, w, nullptr, std::move(node.attributes)));
  Value* integers = builder.Emit("Cast", {y}, {{"to", OnnxFromDType(DType::kI32)}});
  node.SetResult(0, builder.ToChannelsFirst(integers));
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {
    {"kernel_shape", AttributeKind::kInts}, {"strides", AttributeKind::kInts},
    {"dilations", AttributeKind::kInts},    {"pads", AttributeKind::kInts},
    {"auto_pad", AttributeKind::kString},   {"group", AttributeKind::kInt},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "ConvInteger", .since = 10, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_conv_integer;
const OpDef op_conv_integer = {
    .name = "ConvInteger",
    .summary = "Convolution of integers into i32",
    .min_inputs = 2,
    .max_inputs = 4,
    .attributes = kAttributes,
};

extern const OpSpellings spellings_conv_integer;
const OpSpellings spellings_conv_integer = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
