#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return ((a != 0) != (b != 0)) ? 1.0 : 0.0; },
      [](int64_t a, int64_t b) { return int64_t{(a != 0) != (b != 0)}; });
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  sink.Operator("NOT_EQUAL", {sink.Of(node.input(0)), sink.Of(node.input(1))}, {sink.Result(node)});
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Xor", 1, 6, "", ImportLegacyBroadcast}, {"Xor", 7}};

}  // namespace

extern const OpDef op_xor;
const OpDef op_xor = {
    .name = "Xor",
    .summary = "Logical exclusive or",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcastToBool,
    .reference = Reference,
};

extern const OpSpellings spellings_xor;
const OpSpellings spellings_xor = {
    .onnx = kOnnx,
    .to_tflite = {.write = WriteTflite},
};

}  // namespace whet::ops
