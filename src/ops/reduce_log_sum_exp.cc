#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/reduce_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kLogSumExp); }

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  // shifted by the largest, so that nothing overflows
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  Attributes kept = node.attributes;
  kept.Set("keepdims", int64_t{1});
  Value* largest = builder.Emit("ReduceMax", inputs, kept);
  inputs[0] = builder.Emit("Exp", {builder.Emit("Sub", {node.input(0), largest})});
  Value* sum = builder.Emit("Log", {builder.Emit("ReduceSum", inputs, node.attributes)});
  if (node.attributes.Int("keepdims", 1) == 0) {
    inputs[0] = largest;
    largest = builder.Emit("ReduceSum", inputs, node.attributes);
  }
  results = {builder.Emit("Add", {sum, largest})};
  return builder.TakeStatus();
}

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
};

extern const OpSpellings spellings_reduce_log_sum_exp;
const OpSpellings spellings_reduce_log_sum_exp = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
