#include "ir/spelling.h"
#include "ops/sequence_common.h"
#include "ops/shape_common.h"
#include "ops/subgraph_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_RETURN_IF_ERROR(RequireSequence(context, 0));
  Type type = context.input(0).As(Form::kTensor);
  if (type.ranked) {
    const bool new_axis = context.attributes().Int("new_axis") != 0;
    WHET_ASSIGN_OR_RETURN(const int axis,
                          AxisOf(context.attributes().Int("axis"), type.rank() + int{new_axis}));
    if (new_axis) {
      type.dims.insert(type.dims.begin() + axis, Dim());
    } else {
      type.dims[static_cast<size_t>(axis)] = Dim();
    }
  }
  context.SetOutput(0, std::move(type));
  return {};
}

Status CheckSize(std::span<const TensorPtr> tensors, uint64_t limit) {
  uint64_t total = 0;
  for (const TensorPtr& tensor : tensors) total += tensor->bytes();
  if (total <= limit) return {};
  return Error(Code::kLimitExceeded,
               "the tensors of a sequence have %llu bytes; the limit of one tensor is %llu",
               static_cast<unsigned long long>(total), static_cast<unsigned long long>(limit));
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  WHET_ASSIGN_OR_RETURN(const Datum sequence, SequenceInput(node, evaluator, 0));
  const std::vector<TensorPtr>& tensors = sequence.elements();
  if (tensors.empty()) return Error(Code::kInvalidArgument, "the sequence is empty");
  WHET_RETURN_IF_ERROR(CheckSize(tensors, evaluator.options().max_tensor_bytes));
  const bool new_axis = node.attributes.Int("new_axis") != 0;
  WHET_ASSIGN_OR_RETURN(const int axis,
                        AxisOf(node.attributes.Int("axis"), tensors[0]->shape().rank() + int{new_axis}));
  WHET_ASSIGN_OR_RETURN(TensorPtr joined, new_axis ? Stack(tensors, axis, {}) : Join(tensors, axis));
  evaluator.SetOutput(node, 0, std::move(joined));
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  auto elements = KnownElements(node.input(0));
  if (!elements.has_value()) return EmitSame("ConcatFromSequence", node, builder);
  if (elements->empty()) return Error(Code::kBadFile, "the sequence is empty");
  const int64_t axis = node.attributes.Int("axis");
  if (node.attributes.Int("new_axis") != 0) {
    Value* axes = builder.Ints({axis});
    for (Value*& element : *elements) element = builder.Emit("Unsqueeze", {element, axes});
  }
  node.SetResult(0, builder.Emit("Concat", std::span<Value* const>(*elements), {{"axis", axis}}));
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt, true},
                                        {"new_axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "ConcatFromSequence", .since = 11, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_concat_from_sequence;
const OpDef op_concat_from_sequence = {
    .name = "ConcatFromSequence",
    .summary = "The tensors of a sequence joined along an axis",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_concat_from_sequence;
const OpSpellings spellings_concat_from_sequence = {
    .onnx = kOnnx,
    .to_onnx = ExportSame,
};

}  // namespace whet::ops
