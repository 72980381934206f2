#include "ir/evaluate.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

// Of what is no tensor.
Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  evaluator.SetOutput(node, 0, evaluator.InputDatum(node, 0));
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Identity"}};

}  // namespace

extern const OpDef op_identity;
const OpDef op_identity = {
    .name = "Identity",
    .summary = "The input unchanged",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = InferSameType,
    .reference = CopyReference,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_identity;
const OpSpellings spellings_identity = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
