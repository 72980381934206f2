#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a * b; },
      [](int64_t a, int64_t b) {
        return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
      });
}

constexpr OnnxSpelling kOnnx[] = {{"Mul", 1, 6, "", ImportLegacyBroadcast}, {"Mul", 7}};

}  // namespace

extern const OpDef op_mul;
const OpDef op_mul = {
    .name = "Mul",
    .summary = "Elementwise product with broadcasting",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcast,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
