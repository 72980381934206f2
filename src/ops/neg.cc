#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return UnaryReference(
      context, [](double x) { return -x; },
      [](int64_t x) { return static_cast<int64_t>(0 - static_cast<uint64_t>(x)); });
}

constexpr OnnxSpelling kOnnx[] = {{"Neg", 6}};
constexpr TfliteSpelling kTflite[] = {{"NEG"}};

}  // namespace

extern const OpDef op_neg;
const OpDef op_neg = {
    .name = "Neg",
    .summary = "-x",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_neg;
const OpSpellings spellings_neg = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
