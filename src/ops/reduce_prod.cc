#include "ops/reduce_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kProd); }

constexpr OnnxSpelling kOnnx[] = {{"ReduceProd", 1, 17, "", ImportAxesAttribute}, {"ReduceProd", 18}};

}  // namespace

extern const OpDef op_reduce_prod;
const OpDef op_reduce_prod = {
    .name = "ReduceProd",
    .summary = "Product over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
    .onnx = kOnnx,
};

}  // namespace whet::ops
