#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (x.ranked) WHET_RETURN_IF_ERROR(AxisOf(context.attributes().Int("axis", -1), x.rank()).TakeStatus());
  context.SetOutput(0, x);
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis", -1), x.shape.rank()));
  const int64_t size = x.shape[axis];
  const int64_t inner = StridesOf(x.shape)[static_cast<size_t>(axis)];
  const int64_t lines = size == 0 ? 0 : x.elements() / size;
  for (int64_t line = 0; line < lines; ++line) {
    const int64_t begin = line / inner * size * inner + line % inner;
    int64_t best = 0;
    for (int64_t k = 1; k < size; ++k) {
      if (CompareElements(x, begin + k * inner, x, begin + best * inner) > 0) best = k;
    }
    for (int64_t k = 0; k < size; ++k) StoreInt(y, begin + k * inner, k == best);
  }
  return {};
}

// Before opset 13 all dimensions from the axis on are taken as one.
Status ImportFlattening(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  Value* rows = builder.Emit("Flatten", {x}, {{"axis", node.attributes.Int("axis", 1)}});
  Value* flat = builder.Emit("Hardmax", {rows}, {{"axis", int64_t{-1}}});
  node.SetResult(0, builder.Emit("Reshape", {flat, builder.Emit("Shape", {x})}));
  return builder.TakeStatus();
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Hardmax", 1, 12, "", ImportFlattening}, {"Hardmax", 13}};

}  // namespace

extern const OpDef op_hardmax;
const OpDef op_hardmax = {
    .name = "Hardmax",
    .summary = "1 at the first largest element along `axis`, else 0",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_hardmax;
const OpSpellings spellings_hardmax = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
