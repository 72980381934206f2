#include <cmath>

#include "ir/builder.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const double alpha = context.attributes().Float("alpha", 1);
  return MapReference(context, [=](double x) { return x < 0 ? alpha * std::expm1(x) : x; });
}

// TFLite's has no alpha.
Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  const double alpha = node.attributes.Float("alpha", 1);
  if (alpha == 1) return {};
  Value* x = node.input(0);
  Value* zero = builder.Scalar(0, x->type.dtype);
  Value* below = builder.Emit("Elu", {builder.Emit("Min", {x, zero})});
  below = builder.Emit("Mul", {below, builder.Scalar(alpha, x->type.dtype)});
  results = {builder.Emit("Add", {builder.Emit("Relu", {x}), below})};
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"alpha", AttributeKind::kFloat}};
constexpr OnnxSpelling kOnnx[] = {{"Elu", 6}};
constexpr TfliteSpelling kTflite[] = {{"ELU"}};

}  // namespace

extern const OpDef op_elu;
const OpDef op_elu = {
    .name = "Elu",
    .summary = "x, or alpha * (exp(x) - 1) where x < 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_elu;
const OpSpellings spellings_elu = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandTflite, .scales = TfliteScales::kAny},
};

}  // namespace whet::ops
