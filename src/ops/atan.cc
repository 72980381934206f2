#include <cmath>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::atan(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Atan", 7}};

}  // namespace

extern const OpDef op_atan;
const OpDef op_atan = {
    .name = "Atan",
    .summary = "Arc tangent",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
