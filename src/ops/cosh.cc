#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::cosh(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Cosh", 9}};

}  // namespace

extern const OpDef op_cosh;
const OpDef op_cosh = {
    .name = "Cosh",
    .summary = "Hyperbolic cosine",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_cosh;
const OpSpellings spellings_cosh = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
