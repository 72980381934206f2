#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const std::vector<Value*> elements, SequenceElements(node, node.input(0)));
  node.SetResult(0, builder.Int(static_cast<int64_t>(elements.size())));
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
    .onnx = kOnnx,
};

}  // namespace whet::ops
