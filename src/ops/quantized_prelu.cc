#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/quantized_prelu_common.h"

namespace whet::ops {

PReluRescale PReluRescaleOf(const Attributes& attributes) {
  PReluRescale rescale;
  rescale.x = QuantizationOf(attributes, "x");
  rescale.y = QuantizedOutputOf(attributes);
  rescale.positive = RatioOf(rescale.x.scale, rescale.y.quantization.scale);
  return rescale;
}

namespace {

enum Input : size_t { kX, kSlope };

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(CheckQuantizedInput(context, kX, "x", Integers::k8Or16Bit));
  WHET_RETURN_IF_ERROR(CheckQuantizedOutput(context.attributes(), Integers::k8Or16Bit));
  WHET_RETURN_IF_ERROR(CheckOneType(context, kX));
  Type type = context.input(kX);
  const Type& slope = context.input(kSlope);
  if (slope.dtype != DType::kF32 || slope.rank() != 1 || type.rank() < 1)
    return Error(Code::kBadFile, "the slopes must be an f32 vector, and x must have channels");
  type.dtype = QuantizedOutputOf(context.attributes()).type;
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const PReluRescale rescale = PReluRescaleOf(context.attributes());
  const TensorView &x = context.input(kX), &slope = context.input(kSlope), &y = context.output(0);
  const int64_t channels = x.shape.back();
  if (slope.elements() != channels) {
    return Error(Code::kInvalidArgument, "%lld slopes for %lld channels",
                 static_cast<long long>(slope.elements()), static_cast<long long>(channels));
  }
  for (int64_t i = 0; i < x.elements(); ++i) {
    const auto t = static_cast<float>(LoadInt(x, i) - rescale.x.zero_point);
    const float factor = t < 0 ? rescale.Negative(slope.as<float>()[i % channels]) : rescale.positive;
    StoreInt(y, i, ToSteps(t * factor, rescale.y));
  }
  return {};
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const Value* x = node.input(kX);
  WHET_RETURN_IF_ERROR(CheckExport(sink, x->type.dtype));
  const std::string real =
      ExportDequantize(sink, sink.NameOf(x), x->type.dtype, QuantizationOf(node.attributes, "x"));
  const std::string result = sink.Fresh("real");
  sink.Node("PRelu", {real, sink.NameOf(node.input(kSlope))}, {result});
  ExportQuantize(sink, result, QuantizedOutputOf(node.attributes), sink.NameOf(node.output()));
  return {};
}

}  // namespace

extern const OpDef op_quantized_prelu;
const OpDef op_quantized_prelu = {
    .name = "QuantizedPRelu",
    .summary =
        "PRelu with a slope a channel (the last dimension) of 8-bit or 16-bit integers, rescaled; made by a "
        "pass",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kQuantizedUnaryAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_quantized_prelu;
const OpSpellings spellings_quantized_prelu = {
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
