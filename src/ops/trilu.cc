#include "ir/spelling.h"
#include "ops/elements_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (x.ranked && x.rank() < 2) return Error(Code::kBadFile, "%s has no matrices", ToString(x).c_str());
  context.SetOutput(0, x);
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const bool upper = context.attributes().Int("upper", 1) != 0;
  const int64_t diagonal =
      context.HasInput(1) && context.input(1).elements() > 0 ? LoadInt(context.input(1), 0) : 0;
  const int64_t columns = x.shape.back();
  const int64_t rows = x.shape[x.shape.rank() - 2];
  for (int64_t i = 0; i < y.elements(); ++i) {
    const int64_t distance = i % columns - i / columns % rows;
    if (upper ? distance >= diagonal : distance <= diagonal) {
      CopyElement(x, i, y, i);
    } else {
      StoreInt(y, i, 0);
    }
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {{"upper", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Trilu", 14}};

}  // namespace

extern const OpDef op_trilu;
const OpDef op_trilu = {
    .name = "Trilu",
    .summary = "The upper or lower triangle of the last two dimensions, the rest 0",
    .min_inputs = 1,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_trilu;
const OpSpellings spellings_trilu = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
