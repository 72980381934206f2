#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 1);
  return MapReference(context, [=](double x) { return x > alpha ? x : 0; });
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
    .onnx = kOnnx,
};

}  // namespace whet::ops
