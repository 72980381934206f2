#include "ir/spelling.h"
#include "ops/reduce_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kMin); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  return ImportTfliteReduce("ReduceMin", node, builder);
}

Status WriteTflite(const Node& node, TfliteSink& sink) { return WriteTfliteReduce("REDUCE_MIN", node, sink); }

constexpr OnnxSpelling kOnnx[] = {{"ReduceMin", 1, 17, "", ImportAxesAttribute}, {"ReduceMin", 18}};
constexpr TfliteSpelling kTflite[] = {{"REDUCE_MIN", ImportTflite, 2}, {"REDUCE_ALL", ImportTflite, 2}};

}  // namespace

extern const OpDef op_reduce_min;
const OpDef op_reduce_min = {
    .name = "ReduceMin",
    .summary = "Smallest over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_reduce_min;
const OpSpellings spellings_reduce_min = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
