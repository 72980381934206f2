#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a * b; },
      [](int64_t a, int64_t b) {
        return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
      });
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  return ImportTfliteBinary("Mul", node, builder);
}

Status ImportSquare(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("Mul", {node.input(0), node.input(0)}));
  return builder.TakeStatus();
}

Status ImportZerosLike(ForeignNode& node, GraphBuilder& builder) {
  Value* shape = builder.Emit("Shape", {node.input(0)});
  node.SetResult(0, builder.Emit("Expand", {builder.Scalar(0, node.input(0)->type.dtype), shape}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) { return WriteTfliteBinary("MUL", node, sink); }

constexpr OnnxSpelling kOnnx[] = {{"Mul", 1, 6, "", ImportLegacyBroadcast}, {"Mul", 7}};
constexpr TfliteSpelling kTflite[] = {
    {"MUL", ImportTflite, 2}, {"SQUARE", ImportSquare}, {"ZEROS_LIKE", ImportZerosLike}};

}  // namespace

extern const OpDef op_mul;
const OpDef op_mul = {
    .name = "Mul",
    .summary = "Elementwise product with broadcasting",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcast,
    .reference = Reference,
};

extern const OpSpellings spellings_mul;
const OpSpellings spellings_mul = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kAny, .activation = true},
};

}  // namespace whet::ops
