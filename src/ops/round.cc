#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::nearbyint(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Round", 11}};
constexpr TfliteSpelling kTflite[] = {{"ROUND"}};

}  // namespace

extern const OpDef op_round;
const OpDef op_round = {
    .name = "Round",
    .summary = "Nearest integer, halves to the even one",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_round;
const OpSpellings spellings_round = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
