#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return x / (1 + std::abs(x)); });
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  Value* x = node.input(0);
  Value* one = builder.Scalar(1, x->type.dtype);
  results = {builder.Emit("Div", {x, builder.Emit("Add", {builder.Emit("Abs", {x}), one})})};
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Softsign", 1}};

}  // namespace

extern const OpDef op_softsign;
const OpDef op_softsign = {
    .name = "Softsign",
    .summary = "x / (1 + |x|)",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_softsign;
const OpSpellings spellings_softsign = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
