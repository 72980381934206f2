#include <algorithm>
#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 0.2);
  const double beta = context.attributes().Float("beta", 0.5);
  return MapReference(context, [=](double x) { return std::clamp(alpha * x + beta, 0.0, 1.0); });
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  // alpha * clip(x + beta / alpha, 0, 1 / alpha), which is RELU6 for the common alpha of 1/6.
  const double alpha = node.attributes.Float("alpha", 0.2);
  const double beta = node.attributes.Float("beta", 0.5);
  Value* x = node.input(0);
  const auto scalar = [&](double value) { return builder.Scalar(value, x->type.dtype); };
  if (std::abs(alpha - 1.0 / 6) < 1e-6) {
    Value* clipped = builder.Emit("Clip", {builder.Emit("Add", {x, scalar(beta * 6)}), scalar(0), scalar(6)});
    results = {builder.Emit("Mul", {clipped, scalar(1.0 / 6)})};
    return builder.TakeStatus();
  }
  Value* line = builder.Emit("Add", {builder.Emit("Mul", {x, scalar(alpha)}), scalar(beta)});
  results = {builder.Emit("Clip", {line, scalar(0), scalar(1)})};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"alpha", AttributeKind::kFloat}, {"beta", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"HardSigmoid", 6}};

}  // namespace

extern const OpDef op_hard_sigmoid;
const OpDef op_hard_sigmoid = {
    .name = "HardSigmoid",
    .summary = "clip(alpha * x + beta, 0, 1)",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_hard_sigmoid;
const OpSpellings spellings_hard_sigmoid = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
