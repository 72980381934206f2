#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return 1 / x; });
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  results = {builder.Emit("Div", {builder.Scalar(1, node.input(0)->type.dtype), node.input(0)})};
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Reciprocal", 6}};

}  // namespace

extern const OpDef op_reciprocal;
const OpDef op_reciprocal = {
    .name = "Reciprocal",
    .summary = "1 / x",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_reciprocal;
const OpSpellings spellings_reciprocal = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
