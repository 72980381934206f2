#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a > b ? 1.0 : 0.0; },
      [](int64_t a, int64_t b) { return int64_t{a > b}; },
      [](uint64_t a, uint64_t b) { return uint64_t{a > b}; });
}

constexpr OnnxSpelling kOnnx[] = {{"Greater", 1, 6, "", ImportLegacyBroadcast}, {"Greater", 7}};
constexpr TfliteSpelling kTflite[] = {{"GREATER"}};

}  // namespace

extern const OpDef op_greater;
const OpDef op_greater = {
    .name = "Greater",
    .summary = "Whether a > b",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcastToBool,
    .reference = Reference,
};

extern const OpSpellings spellings_greater;
const OpSpellings spellings_greater = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kAny},
};

}  // namespace whet::ops
