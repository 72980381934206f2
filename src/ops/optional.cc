#include "ir/spelling.h"
#include "ops/onnx_dtype_common.h"
#include "ops/sequence_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  Type type;
  if (context.HasInput(0)) {
    type = context.input(0);
  } else {
    type = Type::Unranked(DTypeFromOnnx(context.attributes().Int("dtype")));
    if (context.attributes().Int("sequence") != 0) type.form = Form::kSequence;
  }
  if (type.dtype == DType::kUndefined) return Error(Code::kBadFile, "nothing says what it may hold");
  if (type.IsOptional()) {
    return Error(Code::kBadFile, "%s cannot be made optional again", ToString(type).c_str());
  }
  context.SetOutput(0, type.As(type.IsTensor() ? Form::kOptionalTensor : Form::kOptionalSequence));
  return {};
}

Status Evaluate(const Node& node, GraphEvaluator& evaluator) {
  evaluator.SetOutput(node, 0, evaluator.InputDatum(node, 0));
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  Attributes attributes;
  if (!node.HasInput(0)) {
    const auto it = node.types.find("type");
    if (it == node.types.end()) return Error(Code::kBadFile, "has neither an input nor a type");
    attributes.Set("dtype", OnnxFromDType(it->second.dtype));
    attributes.Set("sequence", int64_t{it->second.form == Form::kSequence});
  }
  node.SetResult(0, builder.Emit("Optional", std::span<Value* const>(node.inputs), std::move(attributes)));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  const std::string output = sink.NameOf(node.output());
  if (node.input(0) != nullptr) {
    sink.Node("Optional", {sink.NameOf(node.input(0))}, {output});
    return {};
  }
  const Type& type = node.output()->type;
  sink.NodeOfType("Optional", output,
                  type.As(type.form == Form::kOptionalSequence ? Form::kSequence : Form::kTensor));
  return {};
}

constexpr AttributeDef kAttributes[] = {{"dtype", AttributeKind::kInt}, {"sequence", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {
    {.op_type = "Optional", .since = 15, .import = ImportOnnx, .min_inputs = 0}};

}  // namespace

extern const OpDef op_optional;
const OpDef op_optional = {
    .name = "Optional",
    .summary =
        "An optional value that holds the input; without one an empty value, for a tensor or a sequence of "
        "the element type `dtype` (ONNX's number for it)",
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .evaluate = Evaluate,
    .takes_strings = true,
    .takes_sequences = true,
};

extern const OpSpellings spellings_optional;
const OpSpellings spellings_optional = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
