#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::ceil(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Ceil", 6}};
constexpr TfliteSpelling kTflite[] = {{"CEIL"}};

}  // namespace

extern const OpDef op_ceil;
const OpDef op_ceil = {
    .name = "Ceil",
    .summary = "Smallest integer not below x",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_ceil;
const OpSpellings spellings_ceil = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
