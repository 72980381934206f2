#include <cmath>
#include <numbers>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  // "tanh": the approximation that many models were trained with.
  if (context.attributes().String("approximate", "none") == "tanh") {
    return MapReference(context, [](double x) {
      return 0.5 * x *
             (1 + std::tanh(std::numbers::sqrt2 * std::numbers::inv_sqrtpi * (x + 0.044715 * x * x * x)));
    });
  }
  return MapReference(context, [](double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); });
}

constexpr AttributeDef kAttributes[] = {{"approximate", AttributeKind::kString}};
constexpr OnnxSpelling kOnnx[] = {{"Gelu", 20}};

}  // namespace

extern const OpDef op_gelu;
const OpDef op_gelu = {
    .name = "Gelu",
    .summary = "x * the normal distribution function of x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
