#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a < b ? 1.0 : 0.0; },
      [](int64_t a, int64_t b) { return int64_t{a < b}; },
      [](uint64_t a, uint64_t b) { return uint64_t{a < b}; });
}

constexpr OnnxSpelling kOnnx[] = {{"Less", 1, 6, "", ImportLegacyBroadcast}, {"Less", 7}};
constexpr TfliteSpelling kTflite[] = {{"LESS"}};

}  // namespace

extern const OpDef op_less;
const OpDef op_less = {
    .name = "Less",
    .summary = "Whether a < b",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcastToBool,
    .reference = Reference,
};

extern const OpSpellings spellings_less;
const OpSpellings spellings_less = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kAny},
};

}  // namespace whet::ops
