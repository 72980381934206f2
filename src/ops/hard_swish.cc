#include <algorithm>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); });
}

constexpr OnnxSpelling kOnnx[] = {{"HardSwish", 14}};
constexpr TfliteSpelling kTflite[] = {{"HARD_SWISH"}};

}  // namespace

extern const OpDef op_hard_swish;
const OpDef op_hard_swish = {
    .name = "HardSwish",
    .summary = "x * clip(x / 6 + 1/2, 0, 1)",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_hard_swish;
const OpSpellings spellings_hard_swish = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kAny},
};

}  // namespace whet::ops
