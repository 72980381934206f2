#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::sqrt(x); });
}

Status ImportRsqrt(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("Reciprocal", {builder.Emit("Sqrt", {node.input(0)})}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Sqrt", 6}};
constexpr TfliteSpelling kTflite[] = {{"SQRT"}, {"RSQRT", ImportRsqrt}};

}  // namespace

extern const OpDef op_sqrt;
const OpDef op_sqrt = {
    .name = "Sqrt",
    .summary = "Square root",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_sqrt;
const OpSpellings spellings_sqrt = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
