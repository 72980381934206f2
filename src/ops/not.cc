#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return UnaryReference(
      context, [](double x) { return x == 0 ? 1.0 : 0.0; }, [](int64_t x) { return int64_t{x == 0}; });
}

constexpr OnnxSpelling kOnnx[] = {{"Not", 1}};

}  // namespace

extern const OpDef op_not;
const OpDef op_not = {
    .name = "Not",
    .summary = "Logical negation",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferUnaryToBool,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
