#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  if (IsUnsignedInteger(context.input(0).dtype)) {
    for (int64_t i = 0; i < context.output(0).elements(); ++i)
      CopyElement(context.input(0), i, context.output(0), i);
    return {};
  }
  return UnaryReference(
      context, [](double x) { return std::abs(x); },
      [](int64_t x) { return x < 0 ? static_cast<int64_t>(0 - static_cast<uint64_t>(x)) : x; });
}

constexpr OnnxSpelling kOnnx[] = {{"Abs", 6}};
constexpr TfliteSpelling kTflite[] = {{"ABS"}};

}  // namespace

extern const OpDef op_abs;
const OpDef op_abs = {
    .name = "Abs",
    .summary = "Absolute value",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_abs;
const OpSpellings spellings_abs = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
