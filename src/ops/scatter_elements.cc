#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/gather_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const Type& indices = context.input(1);
  const Type& updates = context.input(2);
  WHET_RETURN_IF_ERROR(ScatterReductionOf(context.attributes()).TakeStatus());
  if (updates.dtype != x.dtype) return Error(Code::kBadFile, "the updates have another type than the data");
  if (x.ranked) {
    WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.rank()));
    WHET_RETURN_IF_ERROR(CheckElementIndices(x, indices, axis));
  }
  if (indices.ranked && updates.ranked) {
    bool same = indices.rank() == updates.rank();
    for (size_t d = 0; same && d < indices.dims.size(); ++d)
      same = Meet(indices.dims[d], updates.dims[d]).ok();
    if (!same) {
      return Error(Code::kBadFile, "there are indices %s but updates %s", ToString(indices).c_str(),
                   ToString(updates).c_str());
    }
  }
  context.SetOutput(0, x);
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& indices = context.input(1);
  const TensorView& y = context.output(0);
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), y.shape.rank()));
  WHET_ASSIGN_OR_RETURN(const ScatterReduction reduction, ScatterReductionOf(context.attributes()));
  WHET_RETURN_IF_ERROR(CopyReference(context));
  std::vector<int64_t> strides = StridesOf(y.shape);
  const int64_t stride = strides[static_cast<size_t>(axis)];
  strides[static_cast<size_t>(axis)] = 0;
  int64_t i = 0;
  for (IndexWalk walk(indices.shape, {strides}); !walk.done(); walk.Next(), ++i) {
    WHET_ASSIGN_OR_RETURN(const int64_t index, CheckedIndex(LoadInt(indices, i), y.shape[axis]));
    ScatterElement(reduction, context.input(2), i, y, walk.offset(0) + index * stride);
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}, {"reduction", AttributeKind::kString}};
constexpr OnnxSpelling kOnnx[] = {{"ScatterElements", 11}, {"Scatter", 9}};

}  // namespace

extern const OpDef op_scatter_elements;
const OpDef op_scatter_elements = {
    .name = "ScatterElements",
    .summary = "x with single elements along `axis` replaced or combined",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_scatter_elements;
const OpSpellings spellings_scatter_elements = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
