#include "ir/spelling.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

// Inputs: a sequence, then sequences of as many tensors, and tensors that every call of the body is given as
// they are. The body's outputs become sequences.

Status Infer(InferContext& context) {
  if (!context.HasInput(0)) return Error(Code::kBadFile, "there is no sequence to go through");
  WHET_RETURN_IF_ERROR(RequireSequence(context, 0));
  std::vector<Type> given;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.HasInput(i)) return Error(Code::kBadFile, "input %zu is missing", i);
    const Type& input = context.input(i);
    given.push_back(input.form == Form::kSequence ? input.As(Form::kTensor) : input);
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<Type> results, context.InferSubgraph(0, given));
  if (results.size() < context.output_count()) {
    return Error(Code::kBadFile, "the body gives %zu values; the node has %zu outputs", results.size(),
                 context.output_count());
  }
  for (size_t i = 0; i < context.output_count(); ++i) {
    if (!results[i].IsTensor()) {
      return Error(Code::kBadFile, "the body gives %s, which no sequence can hold",
                   ToString(results[i]).c_str());
    }
    context.SetOutput(i, results[i].As(Form::kSequence));
  }
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  const Graph& body = *node.subgraphs[0];
  if (body.outputs().size() < node.outputs().size()) {
    return Error(Code::kInvalidArgument, "the body gives fewer values than the node");
  }
  WHET_ASSIGN_OR_RETURN(const Datum first, SequenceInput(node, evaluator, 0));
  const size_t length = first.elements().size();
  std::vector<Datum> inputs;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    inputs.push_back(evaluator.InputDatum(node, i));
    if (inputs[i].IsSequence() && inputs[i].elements().size() != length) {
      return Error(Code::kInvalidArgument, "the sequences have %zu and %zu tensors", length,
                   inputs[i].elements().size());
    }
  }
  std::vector<std::vector<TensorPtr>> sequences(node.outputs().size());
  for (size_t at = 0; at < length; ++at) {
    WHET_RETURN_IF_ERROR(evaluator.CountIteration());
    std::vector<Datum> given;
    for (const Datum& input : inputs) given.push_back(input.IsSequence() ? input.elements()[at] : input);
    WHET_ASSIGN_OR_RETURN(const std::vector<Datum> results, evaluator.RunSubgraph(body, given));
    for (size_t i = 0; i < sequences.size(); ++i) {
      sequences[i].push_back(results[i].tensor());
      if (sequences[i].back() == nullptr) {
        return Error(Code::kInvalidArgument, "the body gives %s where it must give a tensor",
                     ToString(results[i]).c_str());
      }
    }
  }
  for (size_t i = 0; i < sequences.size(); ++i) {
    evaluator.SetOutput(node, i, Datum::Sequence(std::move(sequences[i])));
  }
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceMap", .since = 17}};

}  // namespace

extern const OpDef op_sequence_map;
const OpDef op_sequence_map = {
    .name = "SequenceMap",
    .summary = "Runs a subgraph on each tensor of a sequence",
    .min_inputs = 1,
    .max_inputs = -1,
    .max_outputs = -1,
    .subgraphs = 1,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_sequence_map;
const OpSpellings spellings_sequence_map = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
