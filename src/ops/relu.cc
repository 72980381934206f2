#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  // NaN stays NaN, as in every framework.
  return UnaryReference(
      context, [](double x) { return x < 0 ? 0 : x; }, [](int64_t x) { return x < 0 ? 0 : x; });
}

constexpr OnnxSpelling kOnnx[] = {{"Relu", 6}};
constexpr TfliteSpelling kTflite[] = {{"RELU"}};

}  // namespace

extern const OpDef op_relu;
const OpDef op_relu = {
    .name = "Relu",
    .summary = "max(x, 0)",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_relu;
const OpSpellings spellings_relu = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kAny},
};

}  // namespace whet::ops
