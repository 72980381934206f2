#include "ops/reduce_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kL2); }

constexpr OnnxSpelling kOnnx[] = {{"ReduceL2", 1, 17, "", ImportAxesAttribute}, {"ReduceL2", 18}};

}  // namespace

extern const OpDef op_reduce_l2;
const OpDef op_reduce_l2 = {
    .name = "ReduceL2",
    .summary = "Square root of the sum of squares over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
    .onnx = kOnnx,
};

}  // namespace whet::ops
