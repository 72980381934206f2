#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double bias = context.attributes().Float("bias", 0);
  const double lambd = context.attributes().Float("lambd", 0.5);
  return MapReference(context, [=](double x) { return x < -lambd ? x + bias : x > lambd ? x - bias : 0; });
}

constexpr AttributeDef kAttributes[] = {{"bias", AttributeKind::kFloat}, {"lambd", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"Shrink", 9}};

}  // namespace

extern const OpDef op_shrink;
const OpDef op_shrink = {
    .name = "Shrink",
    .summary = "x moved towards 0 by bias where |x| > lambd, else 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_shrink;
const OpSpellings spellings_shrink = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
