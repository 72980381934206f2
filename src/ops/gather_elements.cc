#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/gather_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  Type type = context.input(1);
  type.dtype = x.dtype;
  if (x.ranked) {
    WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.rank()));
    WHET_RETURN_IF_ERROR(CheckElementIndices(x, context.input(1), axis));
  }
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& indices = context.input(1);
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.shape.rank()));
  std::vector<int64_t> strides = StridesOf(x.shape);
  const int64_t stride = strides[static_cast<size_t>(axis)];
  strides[static_cast<size_t>(axis)] = 0;
  int64_t i = 0;
  for (IndexWalk walk(indices.shape, {strides}); !walk.done(); walk.Next(), ++i) {
    WHET_ASSIGN_OR_RETURN(const int64_t index, CheckedIndex(LoadInt(indices, i), x.shape[axis]));
    CopyElement(x, walk.offset(0) + index * stride, context.output(0), i);
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"GatherElements", 11}};

}  // namespace

extern const OpDef op_gather_elements;
const OpDef op_gather_elements = {
    .name = "GatherElements",
    .summary = "Single elements along `axis`, chosen by an index each",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_gather_elements;
const OpSpellings spellings_gather_elements = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
