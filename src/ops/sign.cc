#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return UnaryReference(
      context, [](double x) { return x > 0   ? 1
                                     : x < 0 ? -1
                                             : x; },
      [](int64_t x) { return int64_t{x > 0} - int64_t{x < 0}; });
}

constexpr OnnxSpelling kOnnx[] = {{"Sign", 9}};
constexpr TfliteSpelling kTflite[] = {{"SIGN"}};

}  // namespace

extern const OpDef op_sign;
const OpDef op_sign = {
    .name = "Sign",
    .summary = "-1, 0 or 1 by the sign of x",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_sign;
const OpSpellings spellings_sign = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
