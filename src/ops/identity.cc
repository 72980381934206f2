#include "ops/elementwise_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

constexpr OnnxSpelling kOnnx[] = {{"Identity"}};

}  // namespace

extern const OpDef op_identity;
const OpDef op_identity = {
    .name = "Identity",
    .summary = "The input unchanged",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = CopyReference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
