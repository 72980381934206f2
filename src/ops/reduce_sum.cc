#include "ops/reduce_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kSum); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  return ImportTfliteReduce("ReduceSum", node, builder);
}

Status WriteTflite(const Node& node, TfliteSink& sink) { return WriteTfliteReduce("SUM", node, sink); }

constexpr OnnxSpelling kOnnx[] = {{"ReduceSum", 1, 12, "", ImportAxesAttribute}, {"ReduceSum", 13}};
constexpr TfliteSpelling kTflite[] = {{"SUM", ImportTflite, 2}};

}  // namespace

extern const OpDef op_reduce_sum;
const OpDef op_reduce_sum = {
    .name = "ReduceSum",
    .summary = "Sum over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
    .onnx = kOnnx,
    .tflite = kTflite,
};

extern const TfliteForm tflite_form_reduce_sum;
const TfliteForm tflite_form_reduce_sum = {.write = WriteTflite, .scales = TfliteScales::kAny};

}  // namespace whet::ops
