#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  std::vector<int64_t> repeats;
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  if (!context.IntValues(1, &repeats)) {
    context.SetOutput(0, UnknownDims(x.dtype, Dim(x.rank())));
    return {};
  }
  if (repeats.size() != x.dims.size()) {
    return Error(Code::kBadFile, "there are %zu repeats for %d dimensions", repeats.size(), x.rank());
  }
  Type type = x;
  for (size_t d = 0; d < repeats.size(); ++d) {
    if (repeats[d] < 0)
      return Error(Code::kBadFile, "dimension %zu is repeated %lld times", d,
                   static_cast<long long>(repeats[d]));
    type.dims[d] = type.dims[d] * Dim(std::min(repeats[d], Dim::kUnbounded));
  }
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const std::vector<int64_t> strides = StridesOf(x.shape);
  int64_t i = 0;
  for (IndexWalk walk(y.shape, {}); !walk.done(); walk.Next(), ++i) {
    int64_t offset = 0;
    for (int d = 0; d < x.shape.rank(); ++d)
      offset += walk.index()[d] % x.shape[d] * strides[static_cast<size_t>(d)];
    CopyElement(x, offset, y, i);
  }
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("Tile", {node.input(0), TfliteIntVector(builder, node.input(1))}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  sink.Operator("TILE", {sink.Of(node.input(0)), sink.Ints(node.input(1))}, {sink.Result(node)});
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Tile", 6}};
constexpr TfliteSpelling kTflite[] = {{"TILE", ImportTflite, 2}};

}  // namespace

extern const OpDef op_tile;
const OpDef op_tile = {
    .name = "Tile",
    .summary = "x repeated along each dimension",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_tile;
const OpSpellings spellings_tile = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved, .unquantized_inputs = 0b10},
};

}  // namespace whet::ops
