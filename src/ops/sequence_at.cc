#include "ir/spelling.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(RequireSequence(context, 0));
  context.SetOutput(0, context.input(0).As(Form::kTensor));
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  WHET_ASSIGN_OR_RETURN(const Datum sequence, SequenceInput(node, evaluator, 0));
  WHET_ASSIGN_OR_RETURN(const size_t at, PositionInput(node, evaluator, 1, sequence.elements().size(), 0));
  evaluator.SetOutput(node, 0, sequence.elements()[at]);
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  if (const auto elements = KnownElements(node.input(0)); elements.has_value()) {
    WHET_ASSIGN_OR_RETURN(const std::optional<size_t> at, KnownPosition(node, 1, elements->size(), 0));
    if (at.has_value()) {
      node.SetResult(0, builder.Emit("Identity", {(*elements)[*at]}));
      return builder.TakeStatus();
    }
  }
  return EmitSame("SequenceAt", node, builder);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceAt", .since = 11, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_sequence_at;
const OpDef op_sequence_at = {
    .name = "SequenceAt",
    .summary = "One tensor of a sequence",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_sequence_at;
const OpSpellings spellings_sequence_at = {
    .onnx = kOnnx,
    .to_onnx = ExportSame,
};

}  // namespace whet::ops
