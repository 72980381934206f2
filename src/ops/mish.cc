#include <algorithm>
#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) {
    const double softplus = std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    return x * std::tanh(softplus);
  });
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  Value* softplus = builder.Emit("Softplus", {node.input(0)});
  results = {builder.Emit("Mul", {node.input(0), builder.Emit("Tanh", {softplus})})};
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Mish", 18}};

}  // namespace

extern const OpDef op_mish;
const OpDef op_mish = {
    .name = "Mish",
    .summary = "x * tanh(softplus(x))",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_mish;
const OpSpellings spellings_mish = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandTflite},
};

}  // namespace whet::ops
