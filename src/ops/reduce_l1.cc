#include "ir/spelling.h"
#include "ops/reduce_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kL1); }

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  return ExpandReduce(node, builder, results, "Abs", "");
}

constexpr OnnxSpelling kOnnx[] = {{"ReduceL1", 1, 17, "", ImportAxesAttribute}, {"ReduceL1", 18}};

}  // namespace

extern const OpDef op_reduce_l1;
const OpDef op_reduce_l1 = {
    .name = "ReduceL1",
    .summary = "Sum of absolute values over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_reduce_l1;
const OpSpellings spellings_reduce_l1 = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
