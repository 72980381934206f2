#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::log(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Log", 6}};
constexpr TfliteSpelling kTflite[] = {{"LOG"}};

}  // namespace

extern const OpDef op_log;
const OpDef op_log = {
    .name = "Log",
    .summary = "Natural logarithm",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_log;
const OpSpellings spellings_log = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kAny},
};

}  // namespace whet::ops
