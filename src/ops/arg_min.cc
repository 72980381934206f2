#include "ops/arg_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ArgReference(context, false); }

constexpr OnnxSpelling kOnnx[] = {{"ArgMin"}};

}  // namespace

extern const OpDef op_arg_min;
const OpDef op_arg_min = {
    .name = "ArgMin",
    .summary = "The index of the smallest element along `axis`",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kArgAttributes,
    .infer = InferArg,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
