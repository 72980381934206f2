#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const DType dtype = context.input(0).dtype;
  int rank = -1;
  for (size_t i = 0; i < context.input_count(); ++i) {
    const Type& x = context.input(i);
    if (x.dtype != dtype) {
      return Error(Code::kBadFile, "input 0 is %s but input %zu is %s; they must be of one type",
                   std::string(DTypeName(dtype)).c_str(), i, std::string(DTypeName(x.dtype)).c_str());
    }
    if (!x.ranked) continue;
    if (rank >= 0 && rank != x.rank()) {
      return Error(Code::kBadFile, "input %zu is %s, but others have %d dimensions", i, ToString(x).c_str(),
                   rank);
    }
    rank = x.rank();
  }
  if (rank < 0) {
    context.SetOutput(0, Type::Unranked(dtype));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), rank));
  std::vector<Dim> dims(static_cast<size_t>(rank));
  dims[static_cast<size_t>(axis)] = Dim(0);
  for (size_t i = 0; i < context.input_count(); ++i) {
    const Type& x = context.input(i);
    for (int d = 0; d < rank; ++d) {
      Dim& dim = dims[static_cast<size_t>(d)];
      const Dim& own = x.ranked ? x.dims[static_cast<size_t>(d)] : Dim();
      if (d == axis) {
        dim = dim + own;
        continue;
      }
      auto meet = Meet(dim, own);
      if (!meet.ok()) {
        return Error(Code::kBadFile, "input %zu is %s, whose dimension %d differs from that of others", i,
                     ToString(x).c_str(), d);
      }
      dim = std::move(*meet);
    }
  }
  context.SetOutput(0, Type(dtype, std::move(dims)));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& y = context.output(0);
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), y.shape.rank()));
  int64_t outer = 1;
  for (int d = 0; d < axis; ++d) outer *= y.shape[d];
  const int64_t row = outer == 0 ? 0 : y.elements() / outer;
  int64_t begin = 0;
  for (size_t i = 0; i < context.input_count(); ++i) {
    const TensorView& x = context.input(i);
    const int64_t length = outer == 0 ? 0 : x.elements() / outer;
    for (int64_t k = 0; k < outer; ++k) CopyElements(x, k * length, y, k * row + begin, length);
    begin += length;
  }
  return {};
}

// Before opset 4 the axis may be left out and is 1.
Status ImportDefaultAxis(ForeignNode& node, GraphBuilder& builder) {
  if (!node.attributes.Has("axis")) node.attributes.Set("axis", int64_t{1});
  return EmitAs("Concat", node, builder, node.inputs);
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* joined = builder.Emit("Concat", node.inputs, {{"axis", node.attributes.Int("axis")}});
  node.SetResult(0, ApplyTfliteActivation(node, builder, joined));
  return builder.TakeStatus();
}

Status ImportPack(ForeignNode& node, GraphBuilder& builder) {
  const int64_t axis = node.attributes.Int("axis");
  std::vector<Value*> parts;
  for (Value* input : node.inputs) parts.push_back(builder.Emit("Unsqueeze", {input, builder.Ints({axis})}));
  node.SetResult(0, builder.Emit("Concat", parts, {{"axis", axis}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  std::vector<TfliteSink::Tensor> inputs;
  for (const Value* input : node.inputs()) inputs.push_back(sink.Of(input));
  const TfliteSink::Tensor result = sink.Result(node);
  sink.Operator("CONCATENATION", inputs, std::span(&result, 1), {{"axis", node.attributes.Int("axis")}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt, true}};
constexpr OnnxSpelling kOnnx[] = {{"Concat", 1, 3, "", ImportDefaultAxis}, {"Concat", 4}};
constexpr TfliteSpelling kTflite[] = {{"CONCATENATION", ImportTflite}, {"PACK", ImportPack}};

}  // namespace

extern const OpDef op_concat;
const OpDef op_concat = {
    .name = "Concat",
    .summary = "The inputs one after the other along `axis`",
    .min_inputs = 1,
    .max_inputs = -1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_concat;
const OpSpellings spellings_concat = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
