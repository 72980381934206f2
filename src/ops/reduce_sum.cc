#include "ir/spelling.h"
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
};

extern const OpSpellings spellings_reduce_sum;
const OpSpellings spellings_reduce_sum = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kAny},
};

}  // namespace whet::ops
