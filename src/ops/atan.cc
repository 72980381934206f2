#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::atan(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Atan", 7}};

}  // namespace

extern const OpDef op_atan;
const OpDef op_atan = {
    .name = "Atan",
    .summary = "Arc tangent",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_atan;
const OpSpellings spellings_atan = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
