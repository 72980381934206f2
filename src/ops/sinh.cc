#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::sinh(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Sinh", 9}};

}  // namespace

extern const OpDef op_sinh;
const OpDef op_sinh = {
    .name = "Sinh",
    .summary = "Hyperbolic sine",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_sinh;
const OpSpellings spellings_sinh = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
