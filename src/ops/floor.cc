#include <cmath>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  return MapReference(context, [](double x) { return std::floor(x); });
}

constexpr OnnxSpelling kOnnx[] = {{"Floor", 6}};
constexpr TfliteSpelling kTflite[] = {{"FLOOR"}};

}  // namespace

extern const OpDef op_floor;
const OpDef op_floor = {
    .name = "Floor",
    .summary = "Largest integer not above x",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = Reference,
};

extern const OpSpellings spellings_floor;
const OpSpellings spellings_floor = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
