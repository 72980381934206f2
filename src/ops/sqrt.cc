#include <cmath>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::sqrt(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Sqrt", 6}};

}  // namespace

extern const OpDef op_sqrt;
const OpDef op_sqrt = {
    .name = "Sqrt",
    .summary = "Square root",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
