#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return 1 / (1 + std::exp(-x)); });
}

constexpr OnnxSpelling kOnnx[] = {{"Sigmoid", 6}};
constexpr TfliteSpelling kTflite[] = {{"LOGISTIC"}};

}  // namespace

extern const OpDef op_sigmoid;
const OpDef op_sigmoid = {
    .name = "Sigmoid",
    .summary = "1 / (1 + exp(-x))",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_sigmoid;
const OpSpellings spellings_sigmoid = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kUnit},
};

}  // namespace whet::ops
