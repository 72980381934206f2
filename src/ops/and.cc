#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return ((a != 0) && (b != 0)) ? 1.0 : 0.0; },
      [](int64_t a, int64_t b) { return int64_t{(a != 0) && (b != 0)}; });
}

constexpr OnnxSpelling kOnnx[] = {{"And", 1, 6, "", ImportLegacyBroadcast}, {"And", 7}};
constexpr TfliteSpelling kTflite[] = {{"LOGICAL_AND"}};

}  // namespace

extern const OpDef op_and;
const OpDef op_and = {
    .name = "And",
    .summary = "Logical and",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcastToBool,
    .reference = Reference,
};

extern const OpSpellings spellings_and;
const OpSpellings spellings_and = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
