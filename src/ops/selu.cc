#include <cmath>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 1.67326319217681884765625);
  const double gamma = context.attributes().Float("gamma", 1.05070102214813232421875);
  return MapReference(context, [=](double x) { return gamma * (x > 0 ? x : alpha * std::expm1(x)); });
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
    .onnx = kOnnx,
};

}  // namespace whet::ops
