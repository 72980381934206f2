#include "ir/spelling.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& type = context.input(0);
  if (type.IsOptional()) {
    context.SetOutput(0, type.As(type.form == Form::kOptionalSequence ? Form::kSequence : Form::kTensor));
  } else {
    context.SetOutput(0, type);
  }
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  Datum content = evaluator.InputDatum(node, 0);
  if (content.empty()) {
    return Error(Code::kInvalidArgument, "the optional value '%s' is empty", node.input(0)->name().c_str());
  }
  evaluator.SetOutput(node, 0, std::move(content));
  return {};
}

// From opset 18 on the input need not be optional.
Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  if (node.input(0)->type.IsOptional()) return EmitSame("OptionalGetElement", node, builder);
  node.SetResult(0, builder.Emit("Identity", {node.input(0)}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "OptionalGetElement", .since = 15, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_optional_get_element;
const OpDef op_optional_get_element = {
    .name = "OptionalGetElement",
    .summary = "What an optional value holds",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_optional_get_element;
const OpSpellings spellings_optional_get_element = {
    .onnx = kOnnx,
    .to_onnx = ExportSame,
};

}  // namespace whet::ops
