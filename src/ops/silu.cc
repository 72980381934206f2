#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return x / (1 + std::exp(-x)); });
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const std::string x = sink.NameOf(node.input(0));
  const std::string sigmoid = sink.Fresh("sigmoid");
  sink.Node("Sigmoid", {x}, {sigmoid});
  sink.Node("Mul", {x, sigmoid}, {sink.NameOf(node.output())});
  return {};
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  results = {builder.Emit("Mul", {node.input(0), builder.Emit("Sigmoid", {node.input(0)})})};
  return builder.TakeStatus();
}

}  // namespace

extern const OpDef op_silu;
const OpDef op_silu = {
    .name = "Silu",
    .summary = "x * Sigmoid(x)",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_silu;
const OpSpellings spellings_silu = {
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
