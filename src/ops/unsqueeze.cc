#include <algorithm>

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

// TFLite adds one dimension at a time.
Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  WHET_ASSIGN_OR_RETURN(std::vector<int64_t> axes, ConstantIntsOf(node.input(1), "the axes"));
  if (axes.size() == 1) return {};
  if (!node.input(0)->type.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  const int rank = node.input(0)->type.rank() + static_cast<int>(axes.size());
  for (int64_t& axis : axes) axis = NormalizeAxis(axis, rank);
  std::sort(axes.begin(), axes.end());
  Value* y = node.input(0);
  for (int64_t axis : axes) y = builder.Emit("Unsqueeze", {y, builder.Ints({axis})});
  results = {y};
  return builder.TakeStatus();
}
Status WriteTflite(const Node& node, TfliteSink& sink) {
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, ConstantIntsOf(node.input(1), "the axes"));
  sink.Operator("EXPAND_DIMS", {sink.Of(node.input(0)), sink.Ints(axes)}, {sink.Result(node)});
  return {};
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
};

extern const OpSpellings spellings_unsqueeze;
const OpSpellings spellings_unsqueeze = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.expand = ExpandTflite,
                  .write = WriteTflite,
                  .scales = TfliteScales::kMoved,
                  .unquantized_inputs = 0b10},
};

}  // namespace whet::ops
