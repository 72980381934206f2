#include "ops/reduce_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kLogSumExp); }

constexpr OnnxSpelling kOnnx[] = {{"ReduceLogSumExp", 1, 17, "", ImportAxesAttribute},
                                  {"ReduceLogSumExp", 18}};

}  // namespace

extern const OpDef op_reduce_log_sum_exp;
const OpDef op_reduce_log_sum_exp = {
    .name = "ReduceLogSumExp",
    .summary = "Logarithm of the sum of exponentials over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
    .onnx = kOnnx,
};

}  // namespace whet::ops
