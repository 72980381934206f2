#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const Dim rank = x.ranked ? Dim(x.rank()) : Dim(0, kMaxRank);
  const Dim count = x.ranked ? Dim(0, ProductOf(x.dims).hi) : Dim();
  context.SetOutput(0, Type(DType::kI64, {rank, count}));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  int64_t count = 0;
  for (int64_t i = 0; i < x.elements(); ++i) count += LoadFloat(x, i) != 0;
  WHET_RETURN_IF_ERROR(context.SetOutputShape(0, Shape{x.shape.rank(), count}));
  int64_t* y = context.output(0).as<int64_t>();
  int64_t i = 0;
  int64_t found = 0;
  for (IndexWalk walk(x.shape, {}); !walk.done(); walk.Next(), ++i) {
    if (LoadFloat(x, i) == 0) continue;
    for (int d = 0; d < x.shape.rank(); ++d) y[d * count + found] = walk.index()[d];
    ++found;
  }
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Transpose(builder.Emit("NonZero", {node.input(0)}), {1, 0}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"NonZero", 9}};
constexpr TfliteSpelling kTflite[] = {{"WHERE", ImportTflite}};

}  // namespace

extern const OpDef op_non_zero;
const OpDef op_non_zero = {
    .name = "NonZero",
    .summary = "The indices of the elements that are not zero, a row for each dimension",
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = Infer,
    .reference = Reference,
    .data_dependent_shape = true,
};

extern const OpSpellings spellings_non_zero;
const OpSpellings spellings_non_zero = {
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
