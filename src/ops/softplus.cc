#include <algorithm>
#include <cmath>

#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

// Written so that neither a large nor a very negative x overflows.
double SoftplusOf(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

Status Reference(ReferenceContext& context) { return MapReference(context, SoftplusOf); }

constexpr OnnxSpelling kOnnx[] = {{"Softplus", 1}};

}  // namespace

extern const OpDef op_softplus;
const OpDef op_softplus = {
    .name = "Softplus",
    .summary = "log(1 + exp(x))",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
