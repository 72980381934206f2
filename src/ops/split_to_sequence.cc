#include "ops/elements_common.h"
#include "ops/sequence_common.h"
#include "ops/spatial_common.h"

namespace whet::ops {
namespace {

// Each is a value of the Graph, so that a large dimension would make a large model.
constexpr int64_t kMostParts = 1 << 16;

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  Value* split = node.input(1);
  if (!x->type.ranked) return node.Unsupported("an input whose number of dimensions is not known");
  const int axis = NormalizeAxis(node.attributes.Int("axis"), x->type.rank());
  if (axis < 0)
    return Error(Code::kBadFile, "axis is not one of the dimensions of %s", ToString(x->type).c_str());
  const Dim& dim = x->type.dims[static_cast<size_t>(axis)];
  int64_t count = 0;
  if (split != nullptr && split->type.rank() == 1) {
    if (!split->type.IsStatic()) return node.Unsupported("a number of parts that is not known");
    count = split->type.dims[0].lo;
  } else {
    // Parts of one size, the last of what is left.
    std::vector<int64_t> size = {1};
    if (!dim.known() || (split != nullptr && !ConstantInts(split, &size))) {
      return node.Unsupported("a number of parts that is not known");
    }
    if (size.size() != 1 || size[0] < 1) return Error(Code::kBadFile, "parts must have at least one element");
    count = CeilDiv(dim.lo, size[0]);
    if (count > kMostParts) return node.Unsupported("so many parts");
    std::vector<int64_t> sizes(static_cast<size_t>(count), size[0]);
    if (count > 0) sizes.back() = dim.lo - (count - 1) * size[0];
    split = builder.Ints(sizes);
  }
  if (count > kMostParts) return node.Unsupported("so many parts");
  if (count == 0) return SetSequence(node, builder, {});
  Value* const inputs[] = {x, split};
  std::vector<Value*> parts =
      builder.EmitNode("Split", inputs, static_cast<size_t>(count), {{"axis", int64_t{axis}}});
  if (!node.HasInput(1) && node.attributes.Int("keepdims", 1) == 0) {
    Value* axes = builder.Ints({axis});
    for (Value*& part : parts) part = builder.Emit("Squeeze", {part, axes});
  }
  return SetSequence(node, builder, parts);
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}, {"keepdims", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "SplitToSequence", .since = 11, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_split_to_sequence;
const OpDef op_split_to_sequence = {
    .name = "SplitToSequence",
    .summary = "The parts of a tensor as a sequence",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kAttributes,
    .onnx = kOnnx,
};

}  // namespace whet::ops
