#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::sin(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Sin", 7}};
constexpr TfliteSpelling kTflite[] = {{"SIN"}};

}  // namespace

extern const OpDef op_sin;
const OpDef op_sin = {
    .name = "Sin",
    .summary = "Sine",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_sin;
const OpSpellings spellings_sin = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
