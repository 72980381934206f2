#include "ir/spelling.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(RequireSequence(context, 0));
  WHET_ASSIGN_OR_RETURN(const Type type, JoinElements(context.input(0), context.input(1)));
  context.SetOutput(0, type.As(Form::kSequence));
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  WHET_ASSIGN_OR_RETURN(const Datum sequence, SequenceInput(node, evaluator, 0));
  std::vector<TensorPtr> elements = sequence.elements();
  TensorPtr tensor = evaluator.Input(node, 1);
  if (tensor == nullptr) return Error(Code::kInvalidArgument, "only a tensor can be inserted");
  if (elements.size() >= kMaxSequenceLength) {
    return Error(Code::kLimitExceeded, "a sequence of more than %zu tensors", kMaxSequenceLength);
  }
  WHET_ASSIGN_OR_RETURN(const size_t at, InsertionInput(node, evaluator, 2, elements.size()));
  elements.insert(elements.begin() + static_cast<int64_t>(at), std::move(tensor));
  evaluator.SetOutput(node, 0, Datum::Sequence(std::move(elements)));
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceInsert", .since = 11}};

}  // namespace

extern const OpDef op_sequence_insert;
const OpDef op_sequence_insert = {
    .name = "SequenceInsert",
    .summary = "A sequence with one more tensor",
    .min_inputs = 2,
    .max_inputs = 3,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_sequence_insert;
const OpSpellings spellings_sequence_insert = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
