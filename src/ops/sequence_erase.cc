#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(std::vector<Value*> elements, SequenceElements(node, node.input(0)));
  if (elements.empty()) return Error(Code::kBadFile, "the sequence is empty");
  WHET_ASSIGN_OR_RETURN(const size_t at, SequencePosition(node, 1, elements.size(), elements.size() - 1));
  elements.erase(elements.begin() + static_cast<int64_t>(at));
  return SetSequence(node, builder, elements);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceErase", .since = 11, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_sequence_erase;
const OpDef op_sequence_erase = {
    .name = "SequenceErase",
    .summary = "A sequence without one of its tensors",
    .min_inputs = 1,
    .max_inputs = 2,
    .onnx = kOnnx,
};

}  // namespace whet::ops
