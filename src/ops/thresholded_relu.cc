#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 1);
  return MapReference(context, [=](double x) { return x > alpha ? x : 0; });
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  Value* x = node.input(0);
  Value* above =
      builder.Emit("Greater", {x, builder.Scalar(node.attributes.Float("alpha", 1), x->type.dtype)});
  results = {builder.Emit("Where", {above, x, builder.Scalar(0, x->type.dtype)})};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"alpha", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"ThresholdedRelu", 10}};

}  // namespace

extern const OpDef op_thresholded_relu;
const OpDef op_thresholded_relu = {
    .name = "ThresholdedRelu",
    .summary = "x where x > alpha, else 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_thresholded_relu;
const OpSpellings spellings_thresholded_relu = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
