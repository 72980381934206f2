#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::asin(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Asin", 7}};

}  // namespace

extern const OpDef op_asin;
const OpDef op_asin = {
    .name = "Asin",
    .summary = "Arc sine",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_asin;
const OpSpellings spellings_asin = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
