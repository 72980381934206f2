#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) {
  const TensorView& y = context.output(0);
  std::vector<std::vector<int64_t>> strides;
  for (size_t k = 0; k < context.input_count(); ++k) {
    strides.push_back(BroadcastStrides(context.input(k).shape, y.shape));
  }
  int64_t i = 0;
  for (IndexWalk walk(y.shape, std::move(strides)); !walk.done(); walk.Next(), ++i) {
    double sum = 0;
    for (size_t k = 0; k < context.input_count(); ++k) sum += LoadFloat(context.input(k), walk.offset(k));
    StoreFloat(y, i, sum / static_cast<double>(context.input_count()));
  }
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Mean", 6}};

}  // namespace

extern const OpDef op_mean;
const OpDef op_mean = {
    .name = "Mean",
    .summary = "Elementwise mean of the inputs",
    .min_inputs = 1,
    .max_inputs = -1,
    .infer = InferBroadcast,
    .reference = Reference,
};

extern const OpSpellings spellings_mean;
const OpSpellings spellings_mean = {
    .onnx = kOnnx,
    .to_tflite = {.expand = ExpandVariadic},
};

}  // namespace whet::ops
