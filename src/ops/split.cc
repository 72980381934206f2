#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

// The sizes of `count` pieces of equal size, of which the last may be smaller.
Dim EqualPiece(const Dim& dim, int64_t count, int64_t i) {
  const auto size = [&](int64_t total) {
    const int64_t piece = CeilDiv(total, count);
    return std::clamp<int64_t>(total - i * piece, 0, piece);
  };
  if (dim.known()) return Dim(size(dim.lo));
  // The last ones grow and shrink with the total, so only the first has a useful lower bound.
  return Dim(i == 0 ? size(dim.lo) : 0, CeilDiv(dim, count).hi);
}

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  WHET_RETURN_IF_ERROR(CheckIntegers(context, 1, "list of sizes"));
  const auto outputs = static_cast<int64_t>(context.output_count());
  if (!x.ranked) {
    for (size_t i = 0; i < context.output_count(); ++i) context.SetOutput(i, x);
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.rank()));
  const Dim& total = x.dims[static_cast<size_t>(axis)];
  std::vector<int64_t> sizes;
  const bool known = context.IntValues(1, &sizes);
  if (known) {
    int64_t sum = 0;
    for (int64_t size : sizes) {
      if (size < 0) return Error(Code::kBadFile, "a piece has the size %lld", static_cast<long long>(size));
      sum = SaturatingAdd(sum, std::min(size, Dim::kUnbounded));
    }
    if (static_cast<int64_t>(sizes.size()) < outputs || sum < total.lo || sum > total.hi) {
      return Error(Code::kBadFile, "%zu pieces of %lld in all do not fit %lld outputs and a dimension of %s",
                   sizes.size(), static_cast<long long>(sum), static_cast<long long>(outputs),
                   ToString(total).c_str());
    }
  }
  const int64_t count = context.attributes().Int("num_outputs", outputs);
  if (count < outputs) {
    return Error(Code::kBadFile, "num_outputs is %lld, but there are %lld outputs",
                 static_cast<long long>(count), static_cast<long long>(outputs));
  }
  for (size_t i = 0; i < context.output_count(); ++i) {
    Type type = x;
    Dim& dim = type.dims[static_cast<size_t>(axis)];
    if (known) {
      dim = Dim(sizes[i]);
    } else if (context.HasInput(1)) {
      dim = Dim(0, total.hi);
    } else {
      dim = EqualPiece(total, count, static_cast<int64_t>(i));
    }
    context.SetOutput(i, std::move(type));
  }
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.shape.rank()));
  int64_t outer = 1;
  for (int d = 0; d < axis; ++d) outer *= x.shape[d];
  const int64_t row = outer == 0 ? 0 : x.elements() / outer;
  const int64_t total = x.shape[axis];
  const std::vector<int64_t> sizes = context.HasInput(1) ? IntsOf(context.input(1)) : std::vector<int64_t>();
  const int64_t count = context.attributes().Int("num_outputs", static_cast<int64_t>(context.output_count()));
  int64_t begin = 0;
  for (size_t i = 0; i < context.output_count(); ++i) {
    const int64_t size = sizes.empty() ? EqualPiece(Dim(total), count, static_cast<int64_t>(i)).lo : sizes[i];
    const int64_t length = total == 0 ? 0 : row / total * size;
    if (context.HasOutput(i)) {
      for (int64_t k = 0; k < outer; ++k)
        CopyElements(x, k * row + begin, context.output(i), k * length, length);
    }
    begin += length;
  }
  return {};
}

// Before opset 13 the sizes are an attribute; before opset 18 the number of outputs is implied.
Status ImportOlder(ForeignNode& node, GraphBuilder& builder) {
  Value* sizes = node.version < 13 ? TakeIntsAsInput(node, builder, "split") : node.input(1);
  if (sizes == nullptr) {
    node.attributes.Set("num_outputs", static_cast<int64_t>(node.output_names.size()));
  }
  return EmitAs("Split", node, builder, {node.input(0), sizes});
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const auto axis, TfliteConstantInts(node, 0, "the axis"));
  if (axis.size() != 1) return Error(Code::kBadFile, "the axis is not one number");
  const auto count = static_cast<int64_t>(node.output_names.size());
  node.results = builder.EmitNode("Split", std::span(&node.inputs[1], 1), node.output_names.size(),
                                  {{"axis", axis[0]}, {"num_outputs", count}});
  return builder.TakeStatus();
}

Status ImportSplitV(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(std::vector<int64_t> sizes, TfliteConstantInts(node, 1, "the sizes"));
  WHET_ASSIGN_OR_RETURN(const auto axis, TfliteConstantInts(node, 2, "the axis"));
  const Type& x = node.input(0)->type;
  if (axis.size() != 1 || sizes.size() != node.output_names.size()) {
    return Error(Code::kBadFile, "has %zu outputs but %zu sizes", node.output_names.size(), sizes.size());
  }
  // One size may be left open.
  const auto open = std::find(sizes.begin(), sizes.end(), -1);
  if (open != sizes.end()) {
    const int at = x.ranked ? NormalizeAxis(axis[0], x.rank()) : -1;
    if (at < 0 || !x.dims[static_cast<size_t>(at)].known())
      return node.Unsupported("an open size of an unknown dimension");
    int64_t rest = x.dims[static_cast<size_t>(at)].lo;
    for (int64_t size : sizes) rest -= size == -1 ? 0 : size;
    *open = rest;
  }
  Value* inputs[] = {node.input(0), builder.Ints(sizes)};
  node.results = builder.EmitNode("Split", inputs, sizes.size(), {{"axis", axis[0]}});
  return builder.TakeStatus();
}

Status ImportUnpack(ForeignNode& node, GraphBuilder& builder) {
  const int64_t axis = node.attributes.Int("axis");
  const size_t count = node.output_names.size();
  std::vector<Value*> parts = {node.input(0)};
  if (count > 1) {
    parts = builder.EmitNode("Split", node.inputs, count,
                             {{"axis", axis}, {"num_outputs", static_cast<int64_t>(count)}});
  }
  for (Value* part : parts) node.results.push_back(builder.Emit("Squeeze", {part, builder.Ints({axis})}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const int64_t axis = node.attributes.Int("axis");
  const auto count = static_cast<int64_t>(node.outputs().size());
  std::vector<TfliteSink::Tensor> outputs;
  const auto outputs_of = [&] {
    for (size_t i = 0; i < node.outputs().size(); ++i) outputs.push_back(sink.Result(node, i));
  };
  std::vector<int64_t> sizes;
  if (node.input(1) != nullptr) {
    WHET_ASSIGN_OR_RETURN(sizes, ConstantIntsOf(node.input(1), "the sizes"));
  }
  const Type& x = node.input(0)->type;
  const int at = x.ranked ? NormalizeAxis(axis, x.rank()) : -1;
  const Dim size = at >= 0 ? x.dims[static_cast<size_t>(at)] : Dim();
  if (sizes.empty() && (!size.known() || size.lo % count != 0)) {
    // The last piece is smaller.
    for (const Value* output : node.outputs()) {
      if (at < 0 || !output->type.dims[static_cast<size_t>(at)].known()) {
        return Error(Code::kUnsupported, "the size of the dimension that is split is not known");
      }
      sizes.push_back(output->type.dims[static_cast<size_t>(at)].lo);
    }
  }
  if (sizes.empty()) {
    const TfliteSink::Tensor inputs[] = {sink.Int(axis), sink.Of(node.input(0))};
    outputs_of();
    sink.Operator("SPLIT", inputs, outputs, {{"num_splits", count}});
    return {};
  }
  const TfliteSink::Tensor inputs[] = {sink.Of(node.input(0)), sink.Ints(sizes), sink.Int(axis)};
  outputs_of();
  sink.Operator("SPLIT_V", inputs, outputs, {{"num_splits", count}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}, {"num_outputs", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Split", 2, 17, "", ImportOlder}, {"Split", 18}};
constexpr TfliteSpelling kTflite[] = {
    {"SPLIT", ImportTflite, 2}, {"SPLIT_V", ImportSplitV, 3}, {"UNPACK", ImportUnpack}};

}  // namespace

extern const OpDef op_split;
const OpDef op_split = {
    .name = "Split",
    .summary = "Pieces along `axis`, of the given sizes or `num_outputs` equal ones",
    .min_inputs = 1,
    .max_inputs = 2,
    .min_outputs = 1,
    .max_outputs = -1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_split;
const OpSpellings spellings_split = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved, .unquantized_inputs = 0b10},
};

}  // namespace whet::ops
