#include <algorithm>
#include <cmath>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) {
    const double softplus = std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    return x * std::tanh(softplus);
  });
}

constexpr OnnxSpelling kOnnx[] = {{"Mish", 18}};

}  // namespace

extern const OpDef op_mish;
const OpDef op_mish = {
    .name = "Mish",
    .summary = "x * tanh(softplus(x))",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
