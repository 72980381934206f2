#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::cos(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Cos", 7}};
constexpr TfliteSpelling kTflite[] = {{"COS"}};

}  // namespace

extern const OpDef op_cos;
const OpDef op_cos = {
    .name = "Cos",
    .summary = "Cosine",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_cos;
const OpSpellings spellings_cos = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
