#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const Dim conditions = LengthOf(context, 1);
  if (!x.ranked) {
    context.SetOutput(0, context.attributes().Has("axis") ? x : Type(x.dtype, {Dim(0, conditions.hi)}));
    return {};
  }
  if (!context.attributes().Has("axis")) {
    context.SetOutput(0, Type(x.dtype, {Dim(0, std::min(conditions.hi, ProductOf(x.dims).hi))}));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.rank()));
  Type type = x;
  Dim& dim = type.dims[static_cast<size_t>(axis)];
  dim = Dim(0, std::min(conditions.hi, dim.hi));
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& condition = context.input(1);
  Shape shape = {0};
  int axis = 0;
  int64_t size = x.elements();
  int64_t inner = 1;
  if (context.attributes().Has("axis")) {
    WHET_ASSIGN_OR_RETURN(axis, AxisOf(context.attributes().Int("axis"), x.shape.rank()));
    shape = x.shape;
    size = x.shape[axis];
    inner = StridesOf(x.shape)[static_cast<size_t>(axis)];
  }
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < std::min(size, condition.elements()); ++i) {
    if (LoadInt(condition, i) != 0) chosen.push_back(i);
  }
  const auto count = static_cast<int64_t>(chosen.size());
  shape[axis] = count;
  WHET_RETURN_IF_ERROR(context.SetOutputShape(0, shape));
  const int64_t outer = size == 0 || inner == 0 ? 0 : x.elements() / size / inner;
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t k = 0; k < count; ++k)
      CopyElements(x, (o * size + chosen[static_cast<size_t>(k)]) * inner, context.output(0),
                   (o * count + k) * inner, inner);
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Compress", 9}};

}  // namespace

extern const OpDef op_compress;
const OpDef op_compress = {
    .name = "Compress",
    .summary = "The slices along `axis` for which the condition is true",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
    .data_dependent_shape = true,
};

extern const OpSpellings spellings_compress;
const OpSpellings spellings_compress = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
