#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 0.01);
  return MapReference(context, [=](double x) { return x < 0 ? alpha * x : x; });
}

constexpr AttributeDef kAttributes[] = {{"alpha", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"LeakyRelu", 6}};

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
    .onnx = kOnnx,
};

}  // namespace whet::ops
