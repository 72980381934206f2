#include <algorithm>

#include "ir/spelling.h"
#include "ops/quantized_common.h"
#include "ops/softmax_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(CheckQuantizedInput(context, 0, "x"));
  WHET_RETURN_IF_ERROR(CheckQuantizedOutput(context.attributes()));
  const Type& table = context.input(1);
  if (table.dtype != DType::kI32 || (table.IsStatic() && table.ToShape() != Shape{256})) {
    return Error(Code::kBadFile, "the table is %s; it must be i32[256]", ToString(table).c_str());
  }
  WHET_RETURN_IF_ERROR(InferAlongAxis(context));
  context.output(0).dtype = QuantizedOutputOf(context.attributes()).type;
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView &x = context.input(0), &y = context.output(0);
  const auto* table = context.input(1).as<int32_t>();
  const AxisSplit split = SplitAt(x.shape, context.attributes().Int("axis", -1));
  const QuantizedOutput to = QuantizedOutputOf(context.attributes());
  for (int64_t line = 0; line < split.outer * split.inner && split.size > 0; ++line) {
    const int64_t start = line / split.inner * split.size * split.inner + line % split.inner;
    int64_t greatest = LoadInt(x, start);
    for (int64_t i = 1; i < split.size; ++i)
      greatest = std::max(greatest, LoadInt(x, start + i * split.inner));
    int64_t sum = 0;
    for (int64_t i = 0; i < split.size; ++i) sum += table[greatest - LoadInt(x, start + i * split.inner)];
    const auto scale =
        static_cast<float>(1.0 / (static_cast<double>(sum) * static_cast<double>(to.quantization.scale)));
    for (int64_t i = 0; i < split.size; ++i) {
      const int64_t at = start + i * split.inner;
      const auto e = static_cast<float>(table[greatest - LoadInt(x, at)]);
      StoreInt(y, at, ToSteps(e * scale, to));
    }
  }
  return {};
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const Value* x = node.input(0);
  const std::string real =
      ExportDequantize(sink, sink.NameOf(x), x->type.dtype, QuantizationOf(node.attributes, "x"));
  const std::string result = sink.Fresh("softmax");
  sink.Node("Softmax", {real}, {result}, {{"axis", node.attributes.Int("axis", -1)}});
  ExportQuantize(sink, result, QuantizedOutputOf(node.attributes), sink.NameOf(node.output()));
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"axis", AttributeKind::kInt},
    {"x_scale", AttributeKind::kFloat, true},
    {"x_zero_point", AttributeKind::kInt, true},
    {"y_scale", AttributeKind::kFloat, true},
    {"y_zero_point", AttributeKind::kInt, true},
    {"y_type", AttributeKind::kString, true},
    {"low", AttributeKind::kInt},
    {"high", AttributeKind::kInt},
};

}  // namespace

extern const OpDef op_quantized_softmax;
const OpDef op_quantized_softmax = {
    .name = "QuantizedSoftmax",
    .summary = "Softmax of 8-bit integers by a table of exponentials in 1/2^22, to 8 bits; made by a pass",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_quantized_softmax;
const OpSpellings spellings_quantized_softmax = {
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
