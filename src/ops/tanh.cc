#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::tanh(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Tanh", 6}};
constexpr TfliteSpelling kTflite[] = {{"TANH"}};

}  // namespace

extern const OpDef op_tanh;
const OpDef op_tanh = {
    .name = "Tanh",
    .summary = "Hyperbolic tangent",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_tanh;
const OpSpellings spellings_tanh = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kSymmetric},
};

}  // namespace whet::ops
