#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

// An integer division by zero has no defined value; it must not end the process.
int64_t Divide(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return b == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : a / b;
}

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a / b; }, [](int64_t a, int64_t b) { return Divide(a, b); },
      [](uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; });
}

constexpr OnnxSpelling kOnnx[] = {{"Div", 1, 6, "", ImportLegacyBroadcast}, {"Div", 7}};

}  // namespace

extern const OpDef op_div;
const OpDef op_div = {
    .name = "Div",
    .summary = "Elementwise quotient with broadcasting; integers round towards zero",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcast,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
