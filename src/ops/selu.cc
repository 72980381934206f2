#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 1.67326319217681884765625);
  const double gamma = context.attributes().Float("gamma", 1.05070102214813232421875);
  return MapReference(context, [=](double x) { return gamma * (x > 0 ? x : alpha * std::expm1(x)); });
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  const double alpha = node.attributes.Float("alpha", 1.67326319217681884765625);
  const double gamma = node.attributes.Float("gamma", 1.05070102214813232421875);
  Value* y = builder.Emit("Elu", {node.input(0)}, {{"alpha", alpha}});
  results = {builder.Emit("Mul", {y, builder.Scalar(gamma, y->type.dtype)})};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"alpha", AttributeKind::kFloat}, {"gamma", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"Selu", 6}};

}  // namespace

extern const OpDef op_selu;
const OpDef op_selu = {
    .name = "Selu",
    .summary = "gamma * Elu(x)",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_selu;
const OpSpellings spellings_selu = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
