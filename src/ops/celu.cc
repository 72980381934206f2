#include <algorithm>
#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 1);
  return MapReference(
      context, [=](double x) { return std::max(0.0, x) + std::min(0.0, alpha * std::expm1(x / alpha)); });
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  // alpha * elu(x / alpha)
  const double alpha = node.attributes.Float("alpha", 1);
  Value* x = node.input(0);
  Value* y = builder.Emit("Elu", {builder.Emit("Mul", {x, builder.Scalar(1 / alpha, x->type.dtype)})});
  results = {builder.Emit("Mul", {y, builder.Scalar(alpha, x->type.dtype)})};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"alpha", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"Celu", 12}};

}  // namespace

extern const OpDef op_celu;
const OpDef op_celu = {
    .name = "Celu",
    .summary = "max(0, x) + min(0, alpha * (exp(x / alpha) - 1))",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_celu;
const OpSpellings spellings_celu = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
