#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(context, nullptr, [](int64_t a, int64_t b) { return a & b; });
}

constexpr OnnxSpelling kOnnx[] = {{"BitwiseAnd", 18}};

}  // namespace

extern const OpDef op_bitwise_and;
const OpDef op_bitwise_and = {
    .name = "BitwiseAnd",
    .summary = "And of every bit",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcastIntegers,
    .reference = Reference,
};

extern const OpSpellings spellings_bitwise_and;
const OpSpellings spellings_bitwise_and = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
