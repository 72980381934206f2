#include "ops/elementwise_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return BinaryReference(
      context, [](double a, double b) { return a - b; },
      [](int64_t a, int64_t b) {
        return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
      });
}

constexpr OnnxSpelling kOnnx[] = {{"Sub", 1, 6, "", ImportLegacyBroadcast}, {"Sub", 7}};

}  // namespace

extern const OpDef op_sub;
const OpDef op_sub = {
    .name = "Sub",
    .summary = "Elementwise difference with broadcasting",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = InferBroadcast,
    .reference = Reference,
    .onnx = kOnnx,
};

}  // namespace whet::ops
