#include "ir/spelling.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(RequireSequence(context, 0));
  context.SetOutput(0, Type(DType::kI64, {}));
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  WHET_ASSIGN_OR_RETURN(const Datum sequence, SequenceInput(node, evaluator, 0));
  const auto length = static_cast<int64_t>(sequence.elements().size());
  evaluator.SetOutput(node, 0, Constant::Copy(DType::kI64, Shape{}, &length));
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  const auto elements = KnownElements(node.input(0));
  if (!elements.has_value()) return EmitSame("SequenceLength", node, builder);
  node.SetResult(0, builder.Int(static_cast<int64_t>(elements->size())));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceLength", .since = 11, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_sequence_length;
const OpDef op_sequence_length = {
    .name = "SequenceLength",
    .summary = "How many tensors a sequence has",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_sequence_length;
const OpSpellings spellings_sequence_length = {
    .onnx = kOnnx,
    .to_onnx = ExportSame,
};

}  // namespace whet::ops
