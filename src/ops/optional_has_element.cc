#include "ir/spelling.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  context.SetOutput(0, Type(DType::kBool, {}));
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  const uint8_t has = !evaluator.InputDatum(node, 0).empty();
  evaluator.SetOutput(node, 0, Constant::Copy(DType::kBool, Shape{}, &has));
  return {};
}

// From opset 18 on also asked of inputs that are not optional, or absent.
Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  if (node.HasInput(0) && node.input(0)->type.IsOptional()) {
    return EmitSame("OptionalHasElement", node, builder);
  }
  const uint8_t has = node.HasInput(0);
  node.SetResult(0, builder.Const(Constant::Copy(DType::kBool, Shape{}, &has)));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {
    {.op_type = "OptionalHasElement", .since = 15, .import = ImportOnnx, .min_inputs = 0}};

}  // namespace

extern const OpDef op_optional_has_element;
const OpDef op_optional_has_element = {
    .name = "OptionalHasElement",
    .summary = "Whether an optional value holds something",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_optional_has_element;
const OpSpellings spellings_optional_has_element = {
    .onnx = kOnnx,
    .to_onnx = ExportSame,
};

}  // namespace whet::ops
