#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/sequence_common.h"
#include "ops/shape_common.h"
#include "ops/spatial_common.h"
#include "ops/subgraph_common.h"

namespace whet::ops {
namespace {

// Each is a value of the Graph, so that a large dimension would make a large model.
constexpr int64_t kMostParts = 1 << 16;

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  Type type = x;
  if (x.ranked) {
    WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.rank()));
    if (!context.HasInput(1) && context.attributes().Int("keepdims", 1) == 0) {
      type.dims.erase(type.dims.begin() + axis);
    } else {
      type.dims[static_cast<size_t>(axis)] = context.HasInput(1) ? Dim() : Dim(1);
    }
  }
  context.SetOutput(0, type.As(Form::kSequence));
  return {};
}

// The parts' sizes along a dimension of that size.
Result<std::vector<int64_t>> PartSizes(const Constant* split, int64_t size) {
  const bool listed = split != nullptr && split->shape().rank() == 1;
  if (listed) {
    std::vector<int64_t> sizes = IntsOf(split->view());
    int64_t rest = size;
    for (const int64_t part : sizes) {
      if (part < 0 || part > rest) {
        rest = -1;
        break;
      }
      rest -= part;
    }
    if (rest == 0) return sizes;
    return Error(Code::kInvalidArgument, "the parts' sizes do not add up to %lld",
                 static_cast<long long>(size));
  }
  const int64_t each = split == nullptr ? 1 : split->view().elements() == 1 ? LoadInt(split->view(), 0) : 0;
  if (each < 1) return Error(Code::kInvalidArgument, "parts must have at least one element");
  if (CeilDiv(size, each) > static_cast<int64_t>(kMaxSequenceLength)) {
    return Error(Code::kLimitExceeded, "a sequence of more than %zu tensors", kMaxSequenceLength);
  }
  std::vector<int64_t> sizes;
  for (int64_t at = 0; at < size; at += each) sizes.push_back(std::min(each, size - at));
  return sizes;
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  const TensorPtr x = evaluator.Input(node, 0);
  const TensorPtr split = evaluator.Input(node, 1);
  if (x == nullptr) return Error(Code::kInvalidArgument, "only a tensor can be split");
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(node.attributes.Int("axis"), x->shape().rank()));
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes, PartSizes(split.get(), x->shape()[axis]));
  const bool squeeze = node.input(1) == nullptr && node.attributes.Int("keepdims", 1) == 0;
  std::vector<TensorPtr> parts;
  int64_t at = 0;
  for (const int64_t size : sizes) {
    parts.push_back(squeeze ? SliceAt(x, axis, at) : SliceRange(x, axis, at, size));
    at += size;
  }
  evaluator.SetOutput(node, 0, Datum::Sequence(std::move(parts)));
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  Value* split = node.input(1);
  const auto emit = [&] { return EmitSame("SplitToSequence", node, builder); };
  if (!x->type.IsTensor() || !x->type.ranked) return emit();
  const int axis = NormalizeAxis(node.attributes.Int("axis"), x->type.rank());
  if (axis < 0)
    return Error(Code::kBadFile, "axis is not one of the dimensions of %s", ToString(x->type).c_str());
  const Dim& dim = x->type.dims[static_cast<size_t>(axis)];
  int64_t count = 0;
  if (split != nullptr && split->type.rank() == 1) {
    if (!split->type.IsStatic()) return emit();
    count = split->type.dims[0].lo;
  } else {
    // Parts of one size, the last of what is left.
    std::vector<int64_t> size = {1};
    if (!dim.known() || (split != nullptr && !ConstantInts(split, &size))) {
      return emit();
    }
    if (size.size() != 1 || size[0] < 1) return Error(Code::kBadFile, "parts must have at least one element");
    count = CeilDiv(dim.lo, size[0]);
    if (count > kMostParts) return emit();
    std::vector<int64_t> sizes(static_cast<size_t>(count), size[0]);
    if (count > 0) sizes.back() = dim.lo - (count - 1) * size[0];
    split = builder.Ints(sizes);
  }
  if (count > kMostParts) return emit();
  if (count == 0) return SetSequence(node, builder, {}, x->type);
  Value* const inputs[] = {x, split};
  std::vector<Value*> parts =
      builder.EmitNode("Split", inputs, static_cast<size_t>(count), {{"axis", int64_t{axis}}});
  if (!node.HasInput(1) && node.attributes.Int("keepdims", 1) == 0) {
    Value* axes = builder.Ints({axis});
    for (Value*& part : parts) part = builder.Emit("Squeeze", {part, axes});
  }
  return SetSequence(node, builder, parts, x->type);
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
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
};

extern const OpSpellings spellings_split_to_sequence;
const OpSpellings spellings_split_to_sequence = {
    .onnx = kOnnx,
    .to_onnx = ExportSame,
};

}  // namespace whet::ops
