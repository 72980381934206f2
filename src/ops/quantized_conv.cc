#include "ir/spelling.h"
#include "ops/conv_import_common.h"
#include "ops/conv_reference_common.h"
#include "ops/onnx_dtype_common.h"
#include "ops/quantized_common.h"
#include "ops/quantized_product_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_ASSIGN_OR_RETURN(Type shape, InferConvolution(context, kProductW));
  return InferQuantizedProduct(context, std::move(shape));
}

Status Reference(ReferenceContext& context) {
  const Shape& ws = context.input(kProductW).shape;
  const TensorView& y = context.output(0);
  const int64_t outputs = ws[0];
  const ProductSteps steps = ProductSteps::Make(context, outputs);
  const uint64_t* x = ProductOperand(context, steps, kProductX, outputs, 0);
  const int64_t run = outputs > 0 ? ws.elements() / outputs : 0;
  const uint64_t* w = ProductOperand(context, steps, kProductW, outputs, run);
  int64_t element = 0;
  return ConvolveReference(
      context, ws, x, w, [&](uint64_t* sums) { std::fill(sums, sums + outputs, uint64_t{0}); },
      [&](const uint64_t* sums) {
        for (int64_t o = 0; o < outputs; ++o) steps.Store(y, element++, o, sums[o]);
      });
}

int64_t Macs(const Node& node) {
  const Shape w = node.input(kProductW)->type.ToShape();
  return node.output()->type.ToShape().elements() * (w.elements() / std::max<int64_t>(1, w[0]));
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  Attributes attributes = node.attributes;
  RemoveAttributes(attributes, {"low", "high"});
  const std::string x = sink.ChannelsFirst(node.input(kProductX));
  const std::string w = sink.ChannelsFirst(node.input(kProductW));
  const std::string x_zero = ExportZeroPoint(node, kProductXZero, kProductX, sink);
  const std::string w_zero = ExportZeroPoint(node, kProductWZero, kProductW, sink);
  const std::string result = sink.DefineFromChannelsFirst(node.output());
  const bool wide = Is16Bit(node.input(kProductX)->type.dtype);  // QLinearConv is of 8 bits
  WHET_RETURN_IF_ERROR(CheckExport(sink, node.input(kProductX)->type.dtype));
  if (IsQuantizedResult(node) && !wide) {
    const std::string y_zero = ExportZeroPoint(node, kProductYZero, kProductInputs, sink);
    std::vector<std::string> inputs = {
        x,      sink.NameOf(node.input(kProductXScale)), x_zero, w, sink.NameOf(node.input(kProductWScale)),
        w_zero, sink.NameOf(node.input(kProductYScale)), y_zero};
    if (node.input(kProductBias) != nullptr) inputs.push_back(sink.NameOf(node.input(kProductBias)));
    const std::string quantized = HasBounds(node) ? sink.Fresh("conv") : result;
    sink.Node("QLinearConv", inputs, std::span(&quantized, 1), attributes);
    if (HasBounds(node)) ExportBounds(node, sink, quantized, result);
    return {};
  }
  if (node.input(kProductXScale) == nullptr) {
    const std::string inputs[] = {x, w, x_zero, w_zero};
    sink.Node("ConvInteger", inputs, std::span(&result, 1), attributes);
    return {};
  }
  std::vector<std::string> inputs = {ExportDequantized(node, kProductX, x, 1, sink),
                                     ExportDequantized(node, kProductW, w, 0, sink)};
  if (node.input(kProductBias) != nullptr) inputs.push_back(ExportRealBias(node, sink));
  const std::string real = IsQuantizedResult(node) ? sink.Fresh("real") : result;
  sink.Node("Conv", inputs, std::span(&real, 1), attributes);
  if (IsQuantizedResult(node)) ExportResult(node, real, result, sink);
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"strides", AttributeKind::kInts},    {"dilations", AttributeKind::kInts}, {"pads", AttributeKind::kInts},
    {"auto_pad", AttributeKind::kString}, {"group", AttributeKind::kInt},      {"low", AttributeKind::kInt},
    {"high", AttributeKind::kInt},
};

}  // namespace

extern const OpDef op_quantized_conv;
const OpDef op_quantized_conv = {
    .name = "QuantizedConv",
    .summary =
        "Convolution of 8-bit integers in 32-bit sums, or of 16-bit ones in exact sums; made by a pass",
    .min_inputs = 4,
    .max_inputs = kProductInputs,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = Macs,
};

extern const OpSpellings spellings_quantized_conv;
const OpSpellings spellings_quantized_conv = {
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
