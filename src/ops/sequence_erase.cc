#include "ir/spelling.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(RequireSequence(context, 0));
  context.SetOutput(0, context.input(0));
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  WHET_ASSIGN_OR_RETURN(const Datum sequence, SequenceInput(node, evaluator, 0));
  std::vector<TensorPtr> elements = sequence.elements();
  if (elements.empty()) return Error(Code::kInvalidArgument, "the sequence is empty");
  WHET_ASSIGN_OR_RETURN(const size_t at,
                        PositionInput(node, evaluator, 1, elements.size(), elements.size() - 1));
  elements.erase(elements.begin() + static_cast<int64_t>(at));
  evaluator.SetOutput(node, 0, Datum::Sequence(std::move(elements)));
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceErase", .since = 11}};

}  // namespace

extern const OpDef op_sequence_erase;
const OpDef op_sequence_erase = {
    .name = "SequenceErase",
    .summary = "A sequence without one of its tensors",
    .min_inputs = 1,
    .max_inputs = 2,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_sequence_erase;
const OpSpellings spellings_sequence_erase = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
