#include <algorithm>

#include "ir/spelling.h"
#include "ops/elementwise_common.h"
#include "ops/shape_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  std::vector<int64_t> shape;
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  if (!context.IntValues(1, &shape)) {
    const Dim length = LengthOf(context, 1);
    Type type = UnknownDims(x.dtype, length.known() ? Dim(std::max<int64_t>(length.lo, x.rank())) : Dim());
    for (int d = 0; type.ranked && d < x.rank(); ++d) {
      // A dimension that is not 1 stays as it is.
      const Dim& dim = x.dims[static_cast<size_t>(d)];
      if (dim.lo > 1) type.dims[static_cast<size_t>(d + type.rank() - x.rank())] = dim;
    }
    context.SetOutput(0, std::move(type));
    return {};
  }
  for (int64_t dim : shape) {
    if (dim < 0) return Error(Code::kBadFile, "the shape has an entry %lld", static_cast<long long>(dim));
  }
  const std::vector<Dim> target(shape.begin(), shape.end());
  WHET_ASSIGN_OR_RETURN(std::vector<Dim> dims, BroadcastDims(x.dims, target));
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  int64_t i = 0;
  for (IndexWalk walk(y.shape, {BroadcastStrides(x.shape, y.shape)}); !walk.done(); walk.Next(), ++i)
    CopyElement(x, walk.offset(0), y, i);
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("Expand", {node.input(0), TfliteIntVector(builder, node.input(1))}));
  return builder.TakeStatus();
}

Status ImportFill(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("Expand", {node.input(1), TfliteIntVector(builder, node.input(0))}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  // TFLite is given the whole shape; ours may be broadcast itself.
  const Type& y = node.output()->type;
  TfliteSink::Tensor shape;
  if (y.IsStatic()) {
    std::vector<int64_t> sizes;
    for (const Dim& dim : y.dims) sizes.push_back(dim.lo);
    shape = sink.Ints(sizes);
  } else if (node.input(0)->type.IsStatic() && node.input(0)->type.ToShape().elements() == 1) {
    shape = sink.Ints(node.input(1));
  } else {
    return Error(Code::kUnsupported, "the shape of the result is not known");
  }
  sink.Operator("BROADCAST_TO", {sink.Of(node.input(0)), shape}, {sink.Result(node)});
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Expand", 8}};
constexpr TfliteSpelling kTflite[] = {{"BROADCAST_TO", ImportTflite, 2}, {"FILL", ImportFill, 2}};

}  // namespace

extern const OpDef op_expand;
const OpDef op_expand = {
    .name = "Expand",
    .summary = "Broadcast to (at least) the given shape",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_expand;
const OpSpellings spellings_expand = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved, .unquantized_inputs = 0b10},
};

}  // namespace whet::ops
