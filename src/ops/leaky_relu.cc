#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 0.01);
  return MapReference(context, [=](double x) { return x < 0 ? alpha * x : x; });
}

// Where the file leaves alpha out, it is 0.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("LeakyRelu", {node.input(0)}, {{"alpha", node.attributes.Float("alpha")}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  sink.Operator("LEAKY_RELU", {sink.Of(node.input(0))}, {sink.Result(node)},
                {{"alpha", node.attributes.Float("alpha", 0.01)}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"alpha", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"LeakyRelu", 6}};
constexpr TfliteSpelling kTflite[] = {{"LEAKY_RELU", ImportTflite}};

}  // namespace

extern const OpDef op_leaky_relu;
const OpDef op_leaky_relu = {
    .name = "LeakyRelu",
    .summary = "x, or alpha * x where x < 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_leaky_relu;
const OpSpellings spellings_leaky_relu = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kAny},
};

}  // namespace whet::ops
