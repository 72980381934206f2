#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(context, nullptr, [](int64_t a, int64_t b) { return a | b; });
}

constexpr OnnxSpelling kOnnx[] = {{"BitwiseOr", 18}};

}  // namespace

extern const OpDef op_bitwise_or;
const OpDef op_bitwise_or = {
    .name = "BitwiseOr",
    .summary = "Or of every bit",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcastIntegers,
    .reference = Reference,
};

extern const OpSpellings spellings_bitwise_or;
const OpSpellings spellings_bitwise_or = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
