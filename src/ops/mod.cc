#include <cmath>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

// Remainder with the sign of the divisor, as in Python.
double FloorMod(double a, double b) {
  const double remainder = std::fmod(a, b);
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

// An integer remainder by zero has no defined value; it must not end the process.
int64_t Remainder(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
int64_t FloorRemainder(int64_t a, int64_t b) {
  const int64_t remainder = Remainder(a, b);
  return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}
uint64_t UnsignedRemainder(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }

Status Reference(ReferenceContext& context) {
  if (context.attributes().Int("fmod") != 0) {
    return BinaryReference(
        context, [](double a, double b) { return std::fmod(a, b); }, Remainder, UnsignedRemainder);
  }
  return BinaryReference(context, FloorMod, FloorRemainder, UnsignedRemainder);
}

// The remainder with the divisor's sign; of floats, Mod gives it the dividend's.
Status ImportFloorMod(ForeignNode& node, GraphBuilder& builder) {
  Value* a = node.input(0);
  Value* b = node.input(1);
  if (!IsFloat(a->type.dtype)) {
    node.SetResult(0, builder.Emit("Mod", {a, b}));
    return builder.TakeStatus();
  }
  Value* remainder = builder.Emit("Mod", {a, b}, {{"fmod", int64_t{1}}});
  Value* zero = builder.Scalar(0, a->type.dtype);
  Value* other_sign = builder.Emit("Less", {builder.Emit("Mul", {remainder, b}), zero});
  node.SetResult(0, builder.Emit("Where", {other_sign, builder.Emit("Add", {remainder, b}), remainder}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  if (node.attributes.Int("fmod") != 0)
    return Error(Code::kUnsupported, "the remainder has the dividend's sign");
  sink.Operator("FLOOR_MOD", {sink.Of(node.input(0)), sink.Of(node.input(1))}, {sink.Result(node)});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"fmod", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Mod", 10}};
constexpr TfliteSpelling kTflite[] = {{"FLOOR_MOD", ImportFloorMod, 2}};

}  // namespace

extern const OpDef op_mod;
const OpDef op_mod = {
    .name = "Mod",
    .summary = "Remainder; with the sign of b, or with that of a if fmod is set",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = InferBroadcast,
    .reference = Reference,
};

extern const OpSpellings spellings_mod;
const OpSpellings spellings_mod = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite},
};

}  // namespace whet::ops
