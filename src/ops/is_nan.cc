#include <cmath>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::isnan(x) ? 1.0 : 0.0; });
}

constexpr OnnxSpelling kOnnx[] = {{"IsNaN", 9}};

}  // namespace

extern const OpDef op_is_nan;
const OpDef op_is_nan = {
    .name = "IsNaN",
    .summary = "Whether an element is not a number",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferUnaryToBool,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
