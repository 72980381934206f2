#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::tan(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Tan", 7}};

}  // namespace

extern const OpDef op_tan;
const OpDef op_tan = {
    .name = "Tan",
    .summary = "Tangent",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_tan;
const OpSpellings spellings_tan = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
