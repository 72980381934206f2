#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return VariadicReference(
      context, [](double a, double b) { return a + b; },
      [](int64_t a, int64_t b) {
        return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
      });
}

constexpr OnnxSpelling kOnnx[] = {{"Sum", 6}};
constexpr TfliteSpelling kTflite[] = {{"ADD_N"}};

}  // namespace

extern const OpDef op_sum;
const OpDef op_sum = {
    .name = "Sum",
    .summary = "Elementwise sum of the inputs",
    .min_inputs = 1,
    .max_inputs = -1,
    .infer = InferBroadcast,
    .reference = Reference,
};

extern const OpSpellings spellings_sum;
const OpSpellings spellings_sum = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandVariadic},
};

}  // namespace whet::ops
