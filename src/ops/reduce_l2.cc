#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/reduce_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kL2); }

// x / max(|x|, 1e-6) along the last dimension.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  Value* norm = builder.Emit("ReduceL2", {x, builder.Ints({-1})}, {{"keepdims", int64_t{1}}});
  Value* least = builder.Emit("Max", {norm, builder.Scalar(1e-6, x->type.dtype)});
  node.SetResult(0, ApplyTfliteActivation(node, builder, builder.Emit("Div", {x, least})));
  return builder.TakeStatus();
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  return ExpandReduce(node, builder, results, "Square", "Sqrt");
}

constexpr OnnxSpelling kOnnx[] = {{"ReduceL2", 1, 17, "", ImportAxesAttribute}, {"ReduceL2", 18}};
constexpr TfliteSpelling kTflite[] = {{"L2_NORMALIZATION", ImportTflite}};

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
};

extern const OpSpellings spellings_reduce_l2;
const OpSpellings spellings_reduce_l2 = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
