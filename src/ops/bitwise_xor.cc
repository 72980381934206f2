#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(context, nullptr, [](int64_t a, int64_t b) { return a ^ b; });
}

constexpr OnnxSpelling kOnnx[] = {{"BitwiseXor", 18}};
constexpr TfliteSpelling kTflite[] = {{"BITWISE_XOR"}};

}  // namespace

extern const OpDef op_bitwise_xor;
const OpDef op_bitwise_xor = {
    .name = "BitwiseXor",
    .summary = "Exclusive or of every bit",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcastIntegers,
    .reference = Reference,
};

extern const OpSpellings spellings_bitwise_xor;
const OpSpellings spellings_bitwise_xor = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
