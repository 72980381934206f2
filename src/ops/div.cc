#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

// An integer division by zero has no defined value; it must not end the process.
int64_t Divide(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return b == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : a / b;
}

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a / b; }, [](int64_t a, int64_t b) { return Divide(a, b); },
      [](uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; });
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  return ImportTfliteBinary("Div", node, builder);
}

// Integers: what remains after Mod, which takes the divisor's sign, divides evenly.
Status ImportFloorDiv(ForeignNode& node, GraphBuilder& builder) {
  Value* a = node.input(0);
  Value* b = node.input(1);
  if (IsFloat(a->type.dtype)) {
    node.SetResult(0, builder.Emit("Floor", {builder.Emit("Div", {a, b})}));
  } else {
    node.SetResult(0, builder.Emit("Div", {builder.Emit("Sub", {a, builder.Emit("Mod", {a, b})}), b}));
  }
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) { return WriteTfliteBinary("DIV", node, sink); }

constexpr OnnxSpelling kOnnx[] = {{"Div", 1, 6, "", ImportLegacyBroadcast}, {"Div", 7}};
constexpr TfliteSpelling kTflite[] = {{"DIV", ImportTflite, 2}, {"FLOOR_DIV", ImportFloorDiv, 2}};

}  // namespace

extern const OpDef op_div;
const OpDef op_div = {
    .name = "Div",
    .summary = "Elementwise quotient with broadcasting; integers round towards zero",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcast,
    .reference = Reference,
};

extern const OpSpellings spellings_div;
const OpSpellings spellings_div = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kAny, .activation = true},
};

}  // namespace whet::ops
