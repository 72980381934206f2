#include <algorithm>

#include "ops/shape_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  std::vector<int64_t> values;
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  if (!context.IntValues(1, &values)) {
    const Dim count = LengthOf(context, 1);
    context.SetOutput(0, UnknownDims(x.dtype, count.known() ? Dim(x.rank() + count.lo) : Dim()));
    return {};
  }
  const int rank = x.rank() + static_cast<int>(values.size());
  WHET_ASSIGN_OR_RETURN(const std::vector<int> axes, AxesOf(values, rank));
  std::vector<Dim> dims;
  size_t next = 0;
  for (int d = 0; d < rank; ++d) {
    const bool is_new = std::find(axes.begin(), axes.end(), d) != axes.end();
    dims.push_back(is_new ? Dim(1) : x.dims[next++]);
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("Unsqueeze", {node.input(0), TfliteIntVector(builder, node.input(1))}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Unsqueeze", 1, 12, "", ImportAxesAttribute, 1}, {"Unsqueeze", 13}};
constexpr TfliteSpelling kTflite[] = {{"EXPAND_DIMS", ImportTflite, 2}};

}  // namespace

extern const OpDef op_unsqueeze;
const OpDef op_unsqueeze = {
    .name = "Unsqueeze",
    .summary = "With dimensions of 1 at the places `axes` of the result",
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = Infer,
    .reference = CopyReference,
    .takes_strings = true,
    .value_inputs = 0b10,
    .onnx = kOnnx,
    .tflite = kTflite,
};

}  // namespace whet::ops
