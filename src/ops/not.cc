#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return UnaryReference(
      context, [](double x) { return x == 0 ? 1.0 : 0.0; }, [](int64_t x) { return int64_t{x == 0}; });
}

Status ImportNotEqual(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("Not", {builder.Emit("Equal", {node.input(0), node.input(1)})}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Not", 1}};
constexpr TfliteSpelling kTflite[] = {{"LOGICAL_NOT"}, {"NOT_EQUAL", ImportNotEqual, 2}};

}  // namespace

extern const OpDef op_not;
const OpDef op_not = {
    .name = "Not",
    .summary = "Logical negation",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferUnaryToBool,
    .reference = Reference,
};

extern const OpSpellings spellings_not;
const OpSpellings spellings_not = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
