#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::asinh(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Asinh", 9}};

}  // namespace

extern const OpDef op_asinh;
const OpDef op_asinh = {
    .name = "Asinh",
    .summary = "Inverse hyperbolic sine",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_asinh;
const OpSpellings spellings_asinh = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
