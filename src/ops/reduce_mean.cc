#include "ir/spelling.h"
#include "ops/reduce_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kMean); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  return ImportTfliteReduce("ReduceMean", node, builder);
}

Status WriteTflite(const Node& node, TfliteSink& sink) { return WriteTfliteReduce("MEAN", node, sink); }

constexpr OnnxSpelling kOnnx[] = {{"ReduceMean", 1, 17, "", ImportAxesAttribute}, {"ReduceMean", 18}};
constexpr TfliteSpelling kTflite[] = {{"MEAN", ImportTflite, 2}};

}  // namespace

extern const OpDef op_reduce_mean;
const OpDef op_reduce_mean = {
    .name = "ReduceMean",
    .summary = "Mean over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_reduce_mean;
const OpSpellings spellings_reduce_mean = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kAny},
};

}  // namespace whet::ops
