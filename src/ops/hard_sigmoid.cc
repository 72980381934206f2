#include <algorithm>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 0.2);
  const double beta = context.attributes().Float("beta", 0.5);
  return MapReference(context, [=](double x) { return std::clamp(alpha * x + beta, 0.0, 1.0); });
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
    .onnx = kOnnx,
};

}  // namespace whet::ops
