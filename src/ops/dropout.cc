#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/random_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  Type mask = context.input(0);
  mask.dtype = DType::kBool;
  context.SetOutput(0, context.input(0));
  context.SetOutput(1, std::move(mask));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const bool training = context.HasInput(2) && LoadInt(context.input(2), 0) != 0;
  const double ratio = !training ? 0 : context.HasInput(1) ? LoadFloat(context.input(1), 0) : 0.5;
  if (!(ratio >= 0 && ratio < 1))
    return Error(Code::kInvalidArgument, "the ratio %g is not in [0, 1)", ratio);
  RandomSequence random(context.attributes());
  for (int64_t i = 0; i < x.elements(); ++i) {
    const bool keep = ratio == 0 || random.Uniform() >= ratio;
    StoreFloat(context.output(0), i, keep ? LoadFloat(x, i) / (1 - ratio) : 0);
    if (context.HasOutput(1)) StoreInt(context.output(1), i, keep);
  }
  return {};
}

// A model that is not being trained drops nothing.
Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  const Value* training = node.input(2);
  const bool inference =
      training == nullptr || (training->IsConstant() && LoadInt(training->constant()->view(), 0) == 0);
  if (!inference) return EmitAs("Dropout", node, builder, node.inputs);
  node.SetResult(0, x);
  if (!node.HasOutput(1)) return builder.TakeStatus();
  // Up to opset 9 the mask has the type of x, later it is boolean.
  const DType type = node.version < 10 ? x->type.dtype : DType::kBool;
  node.SetResult(1, builder.Emit("Expand", {builder.Scalar(1, type, "kept"), builder.Emit("Shape", {x})}));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  for (const Value* input : node.inputs()) inputs.push_back(sink.NameOf(input));
  for (const Value* output : node.outputs()) outputs.push_back(sink.NameOf(output));
  sink.Node("Dropout", inputs, outputs, node.attributes);
  return {};
}

constexpr AttributeDef kAttributes[] = {{"seed", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Dropout", 1, 1 << 20, "", ImportOnnx}};

}  // namespace

extern const OpDef op_dropout;
const OpDef op_dropout = {
    .name = "Dropout",
    .summary = "Zeroes elements by chance in training; the identity otherwise",
    .min_inputs = 1,
    .max_inputs = 3,
    .min_outputs = 1,
    .max_outputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .nondeterministic = true,
};

extern const OpSpellings spellings_dropout;
const OpSpellings spellings_dropout = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
