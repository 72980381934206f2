#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::isnan(x) ? 1.0 : 0.0; });
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  Value* equal = builder.Emit("Equal", {node.input(0), node.input(0)});
  results = {builder.Emit("Not", {equal})};
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"IsNaN", 9}};

}  // namespace

extern const OpDef op_is_nan;
const OpDef op_is_nan = {
    .name = "IsNaN",
    .summary = "Whether an element is not a number",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferUnaryToBool,
    .reference = Reference,
};

extern const OpSpellings spellings_is_nan;
const OpSpellings spellings_is_nan = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
