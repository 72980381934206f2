#include "ir/spelling.h"
#include "ops/onnx_dtype_common.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const int64_t number = context.attributes().Int("dtype", OnnxFromDType(DType::kF32));
  const DType dtype = DTypeFromOnnx(number);
  if (dtype == DType::kUndefined) {
    return Error(Code::kUnsupported, "ONNX element type %lld", static_cast<long long>(number));
  }
  context.SetOutput(0, Type::Unranked(dtype).As(Form::kSequence));
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  evaluator.SetOutput(node, 0, Datum::Sequence({}));
  return {};
}

constexpr AttributeDef kAttributes[] = {{"dtype", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "SequenceEmpty", .since = 11}};

}  // namespace

extern const OpDef op_sequence_empty;
const OpDef op_sequence_empty = {
    .name = "SequenceEmpty",
    .summary = "A sequence without tensors, of the element type `dtype` (ONNX's number for it)",
    .attributes = kAttributes,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
};

extern const OpSpellings spellings_sequence_empty;
const OpSpellings spellings_sequence_empty = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
