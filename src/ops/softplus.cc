#include <algorithm>
#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

// Written so that neither a large nor a very negative x overflows.
double SoftplusOf(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

Status Reference(ReferenceContext& context) { return MapReference(context, SoftplusOf); }

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  // max(x, 0) + log(1 + exp(-|x|)) overflows nowhere.
  Value* x = node.input(0);
  Value* one = builder.Scalar(1, x->type.dtype);
  Value* tail = builder.Emit("Exp", {builder.Emit("Neg", {builder.Emit("Abs", {x})})});
  Value* log = builder.Emit("Log", {builder.Emit("Add", {tail, one})});
  results = {builder.Emit("Add", {builder.Emit("Relu", {x}), log})};
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Softplus", 1}};

}  // namespace

extern const OpDef op_softplus;
const OpDef op_softplus = {
    .name = "Softplus",
    .summary = "log(1 + exp(x))",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_softplus;
const OpSpellings spellings_softplus = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
