#include <algorithm>
#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

// A NaN on either side wins, as in numpy.
double MaxOf(double a, double b) { return a > b || std::isnan(a) ? a : b; }

Status Reference(ReferenceContext& context) {
  return VariadicReference(
      context, [](double a, double b) { return MaxOf(a, b); },
      [](int64_t a, int64_t b) { return std::max(a, b); },
      [](uint64_t a, uint64_t b) { return std::max(a, b); });
}

constexpr OnnxSpelling kOnnx[] = {{"Max", 6}};
constexpr TfliteSpelling kTflite[] = {{"MAXIMUM"}};

}  // namespace

extern const OpDef op_max;
const OpDef op_max = {
    .name = "Max",
    .summary = "Elementwise largest of the inputs",
    .min_inputs = 1,
    .max_inputs = -1,
    .infer = InferBroadcast,
    .reference = Reference,
};

extern const OpSpellings spellings_max;
const OpSpellings spellings_max = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandVariadic, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
