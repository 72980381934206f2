#include <algorithm>
#include <numeric>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (!x.ranked) {
    context.SetOutput(0, x);
    context.SetOutput(1, Type::Unranked(DType::kI64));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis", -1), x.rank()));
  Type type = x;
  Dim& dim = type.dims[static_cast<size_t>(axis)];
  std::vector<int64_t> k;
  if (!context.IntValues(1, &k)) {
    dim = Dim(0, dim.hi);
  } else if (k.size() != 1 || k[0] < 0 || k[0] > dim.hi) {
    return Error(Code::kBadFile, "k does not fit dimension %d of %s", axis, ToString(x).c_str());
  } else {
    dim = Dim(k[0]);
  }
  context.SetOutput(1, Type(DType::kI64, type.dims));
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis", -1), x.shape.rank()));
  const bool largest = context.attributes().Int("largest", 1) != 0;
  const int64_t k = LoadInt(context.input(1), 0);
  const int64_t size = x.shape[axis];
  if (k < 0 || k > size) {
    return Error(Code::kInvalidArgument, "k is %lld but the axis has %lld elements",
                 static_cast<long long>(k), static_cast<long long>(size));
  }
  const int64_t inner = StridesOf(x.shape)[static_cast<size_t>(axis)];
  const int64_t lines = size == 0 ? 0 : x.elements() / size;
  const std::span<int64_t> order = context.Scratch<int64_t>(size);
  for (int64_t line = 0; line < lines; ++line) {
    const int64_t begin = line / inner * size * inner + line % inner;
    std::iota(order.begin(), order.end(), 0);
    // Of equal elements the one with the lower index comes first. Sorted even if that is not asked for.
    std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
      const int compared = CompareElements(x, begin + a * inner, x, begin + b * inner);
      return compared != 0 ? (largest ? compared > 0 : compared < 0) : a < b;
    });
    const int64_t to = line / inner * k * inner + line % inner;
    for (int64_t i = 0; i < k; ++i) {
      const int64_t from = order[static_cast<size_t>(i)];
      if (context.HasOutput(0)) CopyElement(x, begin + from * inner, context.output(0), to + i * inner);
      if (context.HasOutput(1)) context.output(1).as<int64_t>()[to + i * inner] = from;
    }
  }
  return {};
}

// Before opset 10 k is an attribute.
Status ImportAttribute(ForeignNode& node, GraphBuilder& builder) {
  Value* k = builder.Ints({node.attributes.Int("k")}, "k");
  node.attributes.Remove("k");
  return EmitAs("TopK", node, builder, {node.input(0), k});
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* inputs[] = {node.input(0), TfliteIntVector(builder, node.input(1))};
  node.results = builder.EmitNode("TopK", inputs, 2, {{"axis", int64_t{-1}}});
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  if (node.attributes.Int("largest", 1) == 0) return Error(Code::kUnsupported, "the smallest are asked for");
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> k, ConstantIntsOf(node.input(1), "the count"));
  const TfliteSink::Tensor values = sink.Result(node, 0);
  Type type = node.output(1)->type;
  type.dtype = DType::kI32;
  const TfliteSink::Tensor indices = sink.Fresh(node.output(1)->name(), type);
  sink.Operator("TOPK_V2", {sink.Of(node.input(0)), sink.Int(k.at(0))}, {values, indices});
  sink.Operator("CAST", {indices}, {sink.Result(node, 1)},
                {{"in_data_type", std::string("INT32")}, {"out_data_type", std::string("INT64")}});
  return {};
}

constexpr AttributeDef kAttributes[] = {
    {"axis", AttributeKind::kInt}, {"largest", AttributeKind::kInt}, {"sorted", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"TopK", 1, 9, "", ImportAttribute, 1}, {"TopK", 10}};
constexpr TfliteSpelling kTflite[] = {{"TOPK_V2", ImportTflite, 2}};

}  // namespace

extern const OpDef op_top_k;
const OpDef op_top_k = {
    .name = "TopK",
    .summary = "The k largest (or smallest) elements along `axis`, and their indices",
    .min_inputs = 2,
    .max_inputs = 2,
    .min_outputs = 2,
    .max_outputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_top_k;
const OpSpellings spellings_top_k = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandToLastAxis,
                  .write = WriteTflite,
                  .scales = TfliteScales::kMoved,
                  .unquantized_inputs = 0b10},
};

}  // namespace whet::ops
