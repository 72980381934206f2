#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::exp(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Exp", 6}};
constexpr TfliteSpelling kTflite[] = {{"EXP"}};

}  // namespace

extern const OpDef op_exp;
const OpDef op_exp = {
    .name = "Exp",
    .summary = "e to the power of x",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_exp;
const OpSpellings spellings_exp = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kAny},
};

}  // namespace whet::ops
