#include "ir/spelling.h"
#include "ops/reduce_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Reference(ReferenceContext& context) { return ReduceReference(context, Reduction::kProd); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  return ImportTfliteReduce("ReduceProd", node, builder);
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  return WriteTfliteReduce("REDUCE_PROD", node, sink);
}

constexpr OnnxSpelling kOnnx[] = {{"ReduceProd", 1, 17, "", ImportAxesAttribute}, {"ReduceProd", 18}};
constexpr TfliteSpelling kTflite[] = {{"REDUCE_PROD", ImportTflite, 2}};

}  // namespace

extern const OpDef op_reduce_prod;
const OpDef op_reduce_prod = {
    .name = "ReduceProd",
    .summary = "Product over axes",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kReduceAttributes,
    .infer = InferReduce,
    .reference = Reference,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_reduce_prod;
const OpSpellings spellings_reduce_prod = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kNone},
};

}  // namespace whet::ops
