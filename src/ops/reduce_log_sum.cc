#include "ops/reduce_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kLogSum); }

constexpr OnnxSpelling kOnnx[] = {{"ReduceLogSum", 1, 17, "", ImportAxesAttribute}, {"ReduceLogSum", 18}};

}  // namespace

extern const OpDef op_reduce_log_sum;
const OpDef op_reduce_log_sum = {
    .name = "ReduceLogSum",
    .summary = "Logarithm of the sum over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
    .onnx = kOnnx,
};

}  // namespace whet::ops
