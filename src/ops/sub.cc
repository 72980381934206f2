#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a - b; },
      [](int64_t a, int64_t b) {
        return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
      });
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  return ImportTfliteBinary("Sub", node, builder);
}

Status ImportSquaredDifference(ForeignNode& node, GraphBuilder& builder) {
  Value* difference = builder.Emit("Sub", {node.input(0), node.input(1)});
  node.SetResult(0, builder.Emit("Mul", {difference, difference}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) { return WriteTfliteBinary("SUB", node, sink); }

constexpr OnnxSpelling kOnnx[] = {{"Sub", 1, 6, "", ImportLegacyBroadcast}, {"Sub", 7}};
constexpr TfliteSpelling kTflite[] = {{"SUB", ImportTflite, 2},
                                      {"SQUARED_DIFFERENCE", ImportSquaredDifference, 2}};

}  // namespace

extern const OpDef op_sub;
const OpDef op_sub = {
    .name = "Sub",
    .summary = "Elementwise difference with broadcasting",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcast,
    .reference = Reference,
};

extern const OpSpellings spellings_sub;
const OpSpellings spellings_sub = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kAny, .activation = true},
};

}  // namespace whet::ops
