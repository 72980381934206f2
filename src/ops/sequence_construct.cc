#include "ir/spelling.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  Type type = context.input(0);
  for (size_t i = 0; i < context.input_count(); ++i) {
    WHET_ASSIGN_OR_RETURN(type, JoinElements(type, context.input(i)));
  }
  context.SetOutput(0, type.As(Form::kSequence));
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  std::vector<TensorPtr> elements;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    elements.push_back(evaluator.Input(node, i));
    if (elements.back() == nullptr) return Error(Code::kInvalidArgument, "element %zu is no tensor", i);
  }
  evaluator.SetOutput(node, 0, Datum::Sequence(std::move(elements)));
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceConstruct", .since = 11}};

}  // namespace

extern const OpDef op_sequence_construct;
const OpDef op_sequence_construct = {
    .name = "SequenceConstruct",
    .summary = "The sequence of the inputs",
    .min_inputs = 1,
    .max_inputs = -1,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_sequence_construct;
const OpSpellings spellings_sequence_construct = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
