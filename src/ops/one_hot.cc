#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& indices = context.input(0);
  const DType dtype = context.input(2).dtype;
  const Type& values = context.input(2);
  if (values.ranked && (values.rank() != 1 || values.dims[0].lo > 2 || values.dims[0].hi < 2)) {
    return Error(Code::kBadFile, "the values are %s; they must be two: off and on", ToString(values).c_str());
  }
  if (!indices.ranked) {
    context.SetOutput(0, Type::Unranked(dtype));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis", -1), indices.rank() + 1));
  Dim depth;
  if (const TensorView* value = context.InputValue(1); value != nullptr) {
    if (value->elements() != 1 || LoadInt(*value, 0) < 0)
      return Error(Code::kBadFile, "the depth must be one number");
    depth = Dim(LoadInt(*value, 0));
  }
  Type type(dtype, indices.dims);
  type.dims.insert(type.dims.begin() + axis, depth);
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& indices = context.input(0);
  const TensorView& values = context.input(2);
  const TensorView& y = context.output(0);
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis", -1), y.shape.rank()));
  const int64_t depth = y.shape[axis];
  const int64_t inner = StridesOf(y.shape)[static_cast<size_t>(axis)];
  for (int64_t i = 0; i < y.elements(); ++i) {
    const int64_t at = i / inner % depth;
    const int64_t index = LoadInt(indices, i / inner / depth * inner + i % inner);
    // An index out of range is on nowhere.
    CopyElement(values, at == index || (index < 0 && at == index + depth) ? 1 : 0, y, i);
  }
  return {};
}

// TFLite's negative indices are nowhere, where ONNX's count from the end.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* indices = TfliteInts(builder, node.input(0));
  Value* depth = TfliteInts(builder, node.input(1));
  Value* negative = builder.Emit("Less", {indices, builder.Int(0)});
  indices = builder.Emit("Where", {negative, depth, indices});
  Value* off = builder.Emit("Reshape", {node.input(3), builder.Ints({1})});
  Value* on = builder.Emit("Reshape", {node.input(2), builder.Ints({1})});
  Value* values = builder.Emit("Concat", {off, on}, {{"axis", int64_t{0}}});
  node.SetResult(0,
                 builder.Emit("OneHot", {indices, depth, values}, {{"axis", node.attributes.Int("axis")}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> depth, ConstantIntsOf(node.input(1), "the depth"));
  const Value* values = node.input(2);
  if (!values->IsConstant()) return Error(Code::kUnsupported, "the values are not constant");
  const auto scalar = [&](int64_t i) {
    auto constant = Constant::Allocate(values->type.dtype, Shape{});
    CopyElement(values->constant()->view(), i, constant->view(), 0);
    return sink.Constant(values->name(), std::move(constant));
  };
  sink.Operator("ONE_HOT", {sink.Of(node.input(0)), sink.Int(depth.at(0)), scalar(1), scalar(0)},
                {sink.Result(node)}, {{"axis", node.attributes.Int("axis", -1)}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"OneHot", 9}};
constexpr TfliteSpelling kTflite[] = {{"ONE_HOT", ImportTflite, 4}};

}  // namespace

extern const OpDef op_one_hot;
const OpDef op_one_hot = {
    .name = "OneHot",
    .summary = "A new axis that is `on` at the index and `off` elsewhere",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_one_hot;
const OpSpellings spellings_one_hot = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite},
};

}  // namespace whet::ops
