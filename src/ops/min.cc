#include <algorithm>
#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

// A NaN on either side wins, as in numpy.
double MinOf(double a, double b) { return a < b || std::isnan(a) ? a : b; }

Status Reference(ReferenceContext& context) {
  return VariadicReference(
      context, [](double a, double b) { return MinOf(a, b); },
      [](int64_t a, int64_t b) { return std::min(a, b); },
      [](uint64_t a, uint64_t b) { return std::min(a, b); });
}

constexpr OnnxSpelling kOnnx[] = {{"Min", 6}};
constexpr TfliteSpelling kTflite[] = {{"MINIMUM"}};

}  // namespace

extern const OpDef op_min;
const OpDef op_min = {
    .name = "Min",
    .summary = "Elementwise smallest of the inputs",
    .min_inputs = 1,
    .max_inputs = -1,
    .infer = InferBroadcast,
    .reference = Reference,
};

extern const OpSpellings spellings_min;
const OpSpellings spellings_min = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandVariadic, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
