#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/quantized_binary_common.h"

namespace whet::ops {

BinaryRescale BinaryRescaleOf(const Attributes& attributes) {
  BinaryRescale rescale;
  const std::string_view function = attributes.String("function");
  rescale.product = function == "Mul";
  rescale.a = QuantizationOf(attributes, "a");
  rescale.b = QuantizationOf(attributes, "b");
  rescale.y = QuantizedOutputOf(attributes);
  const float a = rescale.a.scale, b = rescale.b.scale, y = rescale.y.quantization.scale;
  rescale.a_ratio = rescale.product ? RequantizeMultiplier(a, b, y) : RatioOf(a, y);
  rescale.b_ratio = RatioOf(function == "Sub" ? -b : b, y);
  return rescale;
}

namespace {

Status Infer(InferContext& context) {
  const std::string_view function = context.attributes().String("function");
  if (function != "Add" && function != "Sub" && function != "Mul") {
    return Error(Code::kBadFile, "function is '%s'; it must be Add, Sub or Mul",
                 std::string(function).c_str());
  }
  WHET_RETURN_IF_ERROR(CheckQuantizedInput(context, 0, "a", Integers::k8Or16Bit));
  WHET_RETURN_IF_ERROR(CheckQuantizedInput(context, 1, "b", Integers::k8Or16Bit));
  WHET_RETURN_IF_ERROR(CheckQuantizedOutput(context.attributes(), Integers::k8Or16Bit));
  for (size_t i : {0u, 1u}) WHET_RETURN_IF_ERROR(CheckOneType(context, i));
  WHET_ASSIGN_OR_RETURN(Type type, BroadcastInputs(context, QuantizedOutputOf(context.attributes()).type));
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const BinaryRescale rescale = BinaryRescaleOf(context.attributes());
  const TensorView &a = context.input(0), &b = context.input(1), &y = context.output(0);
  int64_t element = 0;
  for (IndexWalk walk(y.shape, {BroadcastStrides(a.shape, y.shape), BroadcastStrides(b.shape, y.shape)});
       !walk.done(); walk.Next(), ++element) {
    const auto left = static_cast<float>(LoadInt(a, walk.offset(0)) - rescale.a.zero_point);
    const auto right = static_cast<float>(LoadInt(b, walk.offset(1)) - rescale.b.zero_point);
    // The sum in double, rounded once, so that no compiler contracts it with a product.
    const float value = rescale.product ? left * right * rescale.a_ratio
                                        : static_cast<float>(static_cast<double>(left * rescale.a_ratio) +
                                                             static_cast<double>(right * rescale.b_ratio));
    StoreInt(y, element, ToSteps(value, rescale.y));
  }
  return {};
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const Value *a = node.input(0), *b = node.input(1);
  WHET_RETURN_IF_ERROR(CheckExport(sink, a->type.dtype));
  const std::string left =
      ExportDequantize(sink, sink.NameOf(a), a->type.dtype, QuantizationOf(node.attributes, "a"));
  const std::string right =
      ExportDequantize(sink, sink.NameOf(b), b->type.dtype, QuantizationOf(node.attributes, "b"));
  const std::string real = sink.Fresh("real");
  sink.Node(node.attributes.String("function"), {left, right}, {real});
  ExportQuantize(sink, real, QuantizedOutputOf(node.attributes), sink.NameOf(node.output()));
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"function", AttributeKind::kString, true},
    {"a_scale", AttributeKind::kFloat, true},
    {"a_zero_point", AttributeKind::kInt, true},
    {"b_scale", AttributeKind::kFloat, true},
    {"b_zero_point", AttributeKind::kInt, true},
    {"y_scale", AttributeKind::kFloat, true},
    {"y_zero_point", AttributeKind::kInt, true},
    {"y_type", AttributeKind::kString, true},
    {"low", AttributeKind::kInt},
    {"high", AttributeKind::kInt},
};

}  // namespace

extern const OpDef op_quantized_binary;
const OpDef op_quantized_binary = {
    .name = "QuantizedBinary",
    .summary = "Sum, difference or product of tensors of 8-bit or 16-bit integers, rescaled; made by a pass",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_quantized_binary;
const OpSpellings spellings_quantized_binary = {
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
