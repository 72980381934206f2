#include "ops/arg_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ArgReference(context, true); }

constexpr OnnxSpelling kOnnx[] = {{"ArgMax"}};

}  // namespace

extern const OpDef op_arg_max;
const OpDef op_arg_max = {
    .name = "ArgMax",
    .summary = "The index of the largest element along `axis`",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kArgAttributes,
    .infer = InferArg,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
