#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::atanh(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Atanh", 9}};

}  // namespace

extern const OpDef op_atanh;
const OpDef op_atanh = {
    .name = "Atanh",
    .summary = "Inverse hyperbolic tangent",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_atanh;
const OpSpellings spellings_atanh = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
