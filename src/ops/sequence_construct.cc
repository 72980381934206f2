#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

// Not a tensor: nothing can be computed from it.
Status Infer(InferContext& context) {
  context.SetOutput(0, Type());
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  return SetSequence(node, builder, node.inputs);
}
Status ImportEmpty(ForeignNode& node, GraphBuilder& builder) { return SetSequence(node, builder, {}); }

constexpr OnnxSpelling kOnnx[] = {
    {.op_type = "SequenceConstruct", .since = 11, .import = ImportOnnx},
    {.op_type = "SequenceEmpty", .since = 11, .import = ImportEmpty},
};

}  // namespace

extern const OpDef op_sequence_construct;
const OpDef op_sequence_construct = {
    .name = "SequenceConstruct",
    .summary = "A sequence of tensors; resolved while a model is read",
    .max_inputs = -1,
    .infer = Infer,
    .onnx = kOnnx,
};

}  // namespace whet::ops
