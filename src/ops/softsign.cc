#include <cmath>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return x / (1 + std::abs(x)); });
}

constexpr OnnxSpelling kOnnx[] = {{"Softsign", 1}};

}  // namespace

extern const OpDef op_softsign;
const OpDef op_softsign = {
    .name = "Softsign",
    .summary = "x / (1 + |x|)",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
