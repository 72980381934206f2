#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  Type type = context.input(0);
  if (type.ranked && type.rank() != 2)
    return Error(Code::kBadFile, "%s is not a matrix", ToString(type).c_str());
  if (context.attributes().Has("dtype")) {
    WHET_ASSIGN_OR_RETURN(type.dtype, DTypeAttribute(context.attributes(), DType::kF32));
  }
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& y = context.output(0);
  const int64_t diagonal = context.attributes().Int("k");
  for (int64_t i = 0; i < y.elements(); ++i) {
    const int64_t column = i % y.shape[1];
    const int64_t row = i / y.shape[1];
    StoreInt(y, i, column - row == diagonal ? 1 : 0);
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {{"dtype", AttributeKind::kInt}, {"k", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"EyeLike", 9}};

}  // namespace

extern const OpDef op_eye_like;
const OpDef op_eye_like = {
    .name = "EyeLike",
    .summary = "Ones on a diagonal, zeros elsewhere, in the shape of x",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_eye_like;
const OpSpellings spellings_eye_like = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
