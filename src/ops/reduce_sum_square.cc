#include "ir/spelling.h"
#include "ops/reduce_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kSumSquare); }

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  return ExpandReduce(node, builder, results, "Square", "");
}

constexpr OnnxSpelling kOnnx[] = {{"ReduceSumSquare", 1, 17, "", ImportAxesAttribute},
                                  {"ReduceSumSquare", 18}};

}  // namespace

extern const OpDef op_reduce_sum_square;
const OpDef op_reduce_sum_square = {
    .name = "ReduceSumSquare",
    .summary = "Sum of squares over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_reduce_sum_square;
const OpSpellings spellings_reduce_sum_square = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
