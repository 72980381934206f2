#include <algorithm>

#include "ir/foreign.h"
#include "ir/spelling.h"

namespace whet::ops {
namespace {

struct Range {
  int start;
  int end;
};

Range RangeOf(const Attributes& attributes, int rank) {
  const auto clamp = [&](int64_t value) {
    return static_cast<int>(std::clamp<int64_t>(value < 0 ? value + rank : value, 0, rank));
  };
  const int start = clamp(attributes.Int("start", 0));
  return {start, std::max(start, clamp(attributes.Int("end", rank)))};
}

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (!x.ranked) {
    context.SetOutput(0, Type(DType::kI64, {Dim(0, kMaxRank)}));
  } else {
    const Range range = RangeOf(context.attributes(), x.rank());
    context.SetOutput(0, Type(DType::kI64, {Dim(range.end - range.start)}));
  }
  return {};
}

Status Reference(ReferenceContext& context) {
  const Shape& shape = context.input(0).shape;
  const Range range = RangeOf(context.attributes(), shape.rank());
  for (int d = range.start; d < range.end; ++d) context.output(0).as<int64_t>()[d - range.start] = shape[d];
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  const Type& type = node.input(0)->type;
  if (type.IsStatic()) {
    const Shape shape = type.ToShape();
    node.SetResult(0, builder.Ints(shape.dims(), node.name));
  } else {
    node.SetResult(0, builder.Emit("Shape", {node.input(0)}));
  }
  return builder.TakeStatus();
}

Status ImportRank(ForeignNode& node, GraphBuilder& builder) {
  const Type& type = node.input(0)->type;
  node.SetResult(0, type.ranked ? builder.Int(type.rank(), node.name)
                                : builder.Emit("Size", {builder.Emit("Shape", {node.input(0)})}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  if (node.attributes.Has("start") || node.attributes.Has("end")) {
    return Error(Code::kUnsupported, "only some of the dimensions are asked for");
  }
  sink.Operator("SHAPE", {sink.Of(node.input(0))}, {sink.Result(node)}, {{"out_type", std::string("INT64")}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"start", AttributeKind::kInt}, {"end", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Shape"}};
constexpr TfliteSpelling kTflite[] = {{"SHAPE", ImportTflite}, {"RANK", ImportRank}};

}  // namespace

extern const OpDef op_shape;
const OpDef op_shape = {
    .name = "Shape",
    .summary = "The dimensions of x from `start` up to `end`",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_shape;
const OpSpellings spellings_shape = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite},
};

}  // namespace whet::ops
