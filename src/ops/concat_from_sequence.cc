#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(std::vector<Value*> elements, SequenceElements(node, node.input(0)));
  if (elements.empty()) return Error(Code::kBadFile, "the sequence is empty");
  const int64_t axis = node.attributes.Int("axis");
  if (node.attributes.Int("new_axis") != 0) {
    Value* axes = builder.Ints({axis});
    for (Value*& element : elements) element = builder.Emit("Unsqueeze", {element, axes});
  }
  node.SetResult(0, builder.Emit("Concat", std::span<Value* const>(elements), {{"axis", axis}}));
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
    .onnx = kOnnx,
};

}  // namespace whet::ops
