#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::acos(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Acos", 7}};

}  // namespace

extern const OpDef op_acos;
const OpDef op_acos = {
    .name = "Acos",
    .summary = "Arc cosine",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_acos;
const OpSpellings spellings_acos = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
