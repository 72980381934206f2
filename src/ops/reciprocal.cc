#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return 1 / x; });
}

constexpr OnnxSpelling kOnnx[] = {{"Reciprocal", 6}};

}  // namespace

extern const OpDef op_reciprocal;
const OpDef op_reciprocal = {
    .name = "Reciprocal",
    .summary = "1 / x",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
