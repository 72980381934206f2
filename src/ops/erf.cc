#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::erf(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Erf", 9}};

}  // namespace

extern const OpDef op_erf;
const OpDef op_erf = {
    .name = "Erf",
    .summary = "Gauss error function",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_erf;
const OpSpellings spellings_erf = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
