#include "ir/spelling.h"
#include "ops/reduce_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kLogSum); }

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  return ExpandReduce(node, builder, results, "", "Log");
}

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
};

extern const OpSpellings spellings_reduce_log_sum;
const OpSpellings spellings_reduce_log_sum = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
