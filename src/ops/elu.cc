#include <cmath>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 1);
  return MapReference(context, [=](double x) { return x < 0 ? alpha * std::expm1(x) : x; });
}

constexpr AttributeDef kAttributes[] = {{"alpha", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"Elu", 6}};
constexpr TfliteSpelling kTflite[] = {{"ELU"}};

}  // namespace

extern const OpDef op_elu;
const OpDef op_elu = {
    .name = "Elu",
    .summary = "x, or alpha * (exp(x) - 1) where x < 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
