#include "ir/spelling.h"
#include "ops/conv_import_common.h"
#include "ops/quantize_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kXScale, kXZero, kW, kWScale, kWZero, kYScale, kYZero, kB };

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_RETURN_IF_ERROR(AgreeOnRank(node, kW));
  // Output channels stay the first dimension of the weights, so that their scales' axis is 0.
  Value* x = EmitDequantize(builder, builder.ToChannelsLast(node.input(kX)), node.input(kXScale),
                            node.input(kXZero), 0);
  Value* w = EmitDequantize(builder, builder.ToChannelsLast(node.input(kW)), node.input(kWScale),
                            node.input(kWZero), 0);
  Value* b = nullptr;
  if (node.HasInput(kB)) {
    Value* scale = builder.EmitFolded("Mul", {node.input(kXScale), node.input(kWScale)});
    b = EmitDequantize(builder, node.input(kB), scale, nullptr, 0);
  }
  WHET_ASSIGN_OR_RETURN(Value * y, EmitConv(builder, x, w, b, std::move(node.attributes)));
  node.SetResult(0, builder.ToChannelsFirst(
                        builder.Emit("QuantizeLinear", {y, node.input(kYScale), node.input(kYZero)})));
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {
    {"kernel_shape", AttributeKind::kInts}, {"strides", AttributeKind::kInts},
    {"dilations", AttributeKind::kInts},    {"pads", AttributeKind::kInts},
    {"auto_pad", AttributeKind::kString},   {"group", AttributeKind::kInt},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "QLinearConv", .since = 10, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_qlinear_conv;
const OpDef op_qlinear_conv = {
    .name = "QLinearConv",
    .summary = "Convolution of quantized tensors",
    .min_inputs = 8,
    .max_inputs = 9,
    .attributes = kAttributes,
};

extern const OpSpellings spellings_qlinear_conv;
const OpSpellings spellings_qlinear_conv = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
