#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const bool negative = context.attributes().Int("detect_negative", 1) != 0;
  const bool positive = context.attributes().Int("detect_positive", 1) != 0;
  return MapReference(context,
                      [=](double x) { return std::isinf(x) && (x > 0 ? positive : negative) ? 1.0 : 0.0; });
}

constexpr AttributeDef kAttributes[] = {{"detect_negative", AttributeKind::kInt},
                                        {"detect_positive", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"IsInf", 10}};

}  // namespace

extern const OpDef op_is_inf;
const OpDef op_is_inf = {
    .name = "IsInf",
    .summary = "Whether an element is infinite",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferUnaryToBool,
    .reference = Reference,
};

extern const OpSpellings spellings_is_inf;
const OpSpellings spellings_is_inf = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
