#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a <= b ? 1.0 : 0.0; },
      [](int64_t a, int64_t b) { return int64_t{a <= b}; },
      [](uint64_t a, uint64_t b) { return uint64_t{a <= b}; });
}

constexpr OnnxSpelling kOnnx[] = {{"LessOrEqual", 12}};
constexpr TfliteSpelling kTflite[] = {{"LESS_EQUAL"}};

}  // namespace

extern const OpDef op_less_or_equal;
const OpDef op_less_or_equal = {
    .name = "LessOrEqual",
    .summary = "Whether a <= b",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcastToBool,
    .reference = Reference,
};

extern const OpSpellings spellings_less_or_equal;
const OpSpellings spellings_less_or_equal = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kAny},
};

}  // namespace whet::ops
