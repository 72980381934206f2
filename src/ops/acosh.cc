#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::acosh(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Acosh", 9}};

}  // namespace

extern const OpDef op_acosh;
const OpDef op_acosh = {
    .name = "Acosh",
    .summary = "Inverse hyperbolic cosine",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_acosh;
const OpSpellings spellings_acosh = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
