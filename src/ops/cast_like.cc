#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/onnx_dtype_common.h"

namespace whet::ops {
namespace {

// Only the type of the second input matters, and that is known here.
Status Import(ForeignNode& node, GraphBuilder& builder) {
  const DType to = node.input(1)->type.dtype;
  if (to == DType::kUndefined) return node.Unsupported("a cast to an unknown type");
  node.SetResult(0, builder.Emit("Cast", {node.input(0)}, {{"to", OnnxFromDType(to)}}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"CastLike", 15, 1 << 20, "", Import}};

}  // namespace

extern const OpDef op_cast_like;
const OpDef op_cast_like = {
    .name = "CastLike",
    .summary = "Converts to the element type of the second input",
    .min_inputs = 2,
    .max_inputs = 2,
};

extern const OpSpellings spellings_cast_like;
const OpSpellings spellings_cast_like = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
