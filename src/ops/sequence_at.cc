#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const std::vector<Value*> elements, SequenceElements(node, node.input(0)));
  WHET_ASSIGN_OR_RETURN(const size_t at, SequencePosition(node, 1, elements.size(), 0));
  node.SetResult(0, builder.Emit("Identity", {elements[at]}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceAt", .since = 11, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_sequence_at;
const OpDef op_sequence_at = {
    .name = "SequenceAt",
    .summary = "One tensor of a sequence",
    .min_inputs = 2,
    .max_inputs = 2,
    .onnx = kOnnx,
};

}  // namespace whet::ops
