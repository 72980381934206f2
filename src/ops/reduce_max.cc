#include "ir/spelling.h"
#include "ops/reduce_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kMax); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  return ImportTfliteReduce("ReduceMax", node, builder);
}

Status WriteTflite(const Node& node, TfliteSink& sink) { return WriteTfliteReduce("REDUCE_MAX", node, sink); }

constexpr OnnxSpelling kOnnx[] = {{"ReduceMax", 1, 17, "", ImportAxesAttribute}, {"ReduceMax", 18}};
constexpr TfliteSpelling kTflite[] = {{"REDUCE_MAX", ImportTflite, 2}, {"REDUCE_ANY", ImportTflite, 2}};

}  // namespace

extern const OpDef op_reduce_max;
const OpDef op_reduce_max = {
    .name = "ReduceMax",
    .summary = "Largest over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_reduce_max;
const OpSpellings spellings_reduce_max = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
