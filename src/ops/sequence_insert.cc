#include "ops/sequence_common.h"
#include "ops/spatial_common.h"

namespace whet::ops {
namespace {

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(std::vector<Value*> elements, SequenceElements(node, node.input(0)));
  const size_t size = elements.size();
  WHET_ASSIGN_OR_RETURN(size_t at, SequencePosition(node, 2, size + 1, size));
  // A negative position counts from the end of the sequence as it was.
  std::vector<int64_t> position;
  if (ConstantInts(node.input(2), &position) && position[0] < 0) {
    if (at == 0)
      return Error(Code::kBadFile, "position %lld of a sequence with %zu",
                   static_cast<long long>(position[0]), size);
    --at;
  }
  elements.insert(elements.begin() + static_cast<int64_t>(at), node.input(1));
  return SetSequence(node, builder, elements);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceInsert", .since = 11, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_sequence_insert;
const OpDef op_sequence_insert = {
    .name = "SequenceInsert",
    .summary = "A sequence with one more tensor",
    .min_inputs = 2,
    .max_inputs = 3,
    .onnx = kOnnx,
};

}  // namespace whet::ops
