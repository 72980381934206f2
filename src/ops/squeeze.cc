#include <algorithm>

#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/shape_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_write_common.h"

namespace whet::ops {
namespace {

Status InferWithoutAxes(InferContext& context) {
  const Type& x = context.input(0);
  std::vector<Dim> dims;
  for (const Dim& dim : x.dims) {
    if (dim.known() && dim.lo == 1) continue;
    if (dim.lo <= 1 && dim.hi >= 1) {
      // Whether it goes is not known, so the rank is not either.
      context.SetOutput(0, Type::Unranked(x.dtype));
      return {};
    }
    dims.push_back(dim);
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  std::vector<int64_t> values;
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  if (!context.HasInput(1)) return InferWithoutAxes(context);
  if (!context.IntValues(1, &values)) {
    const Dim count = LengthOf(context, 1);
    const bool fits = count.known() && count.lo <= x.rank();
    context.SetOutput(0, UnknownDims(x.dtype, fits ? Dim(x.rank() - count.lo) : Dim()));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<int> axes, AxesOf(values, x.rank()));
  std::vector<Dim> dims;
  for (int d = 0; d < x.rank(); ++d) {
    const Dim& dim = x.dims[static_cast<size_t>(d)];
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) {
      dims.push_back(dim);
    } else if (dim.lo > 1 || dim.hi < 1) {
      return Error(Code::kBadFile, "dimension %d of %s is to be removed but is not 1", d,
                   ToString(x).c_str());
    }
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  const auto dims = node.attributes.Ints("squeeze_dims");
  node.SetResult(0, dims.empty() ? builder.Emit("Squeeze", {node.input(0)})
                                 : builder.Emit("Squeeze", {node.input(0), builder.Ints(dims)}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const Type& x = node.input(0)->type;
  std::vector<int64_t> axes;
  if (node.input(1) != nullptr) {
    WHET_ASSIGN_OR_RETURN(axes, ConstantIntsOf(node.input(1), "the axes"));
  } else {
    for (size_t i = 0; i < x.dims.size(); ++i) {
      if (x.dims[i].known() && x.dims[i].lo == 1) axes.push_back(static_cast<int64_t>(i));
    }
  }
  sink.Operator("SQUEEZE", {sink.Of(node.input(0))}, {sink.Result(node)}, {{"squeeze_dims", axes}});
  return {};
}

constexpr OnnxSpelling kOnnx[] = {{"Squeeze", 1, 12, "", ImportAxesAttribute, 1}, {"Squeeze", 13}};
constexpr TfliteSpelling kTflite[] = {{"SQUEEZE", ImportTflite}};

}  // namespace

extern const OpDef op_squeeze;
const OpDef op_squeeze = {
    .name = "Squeeze",
    .summary = "Without the dimensions `axes`, which are 1 (absent: without all that are 1)",
    .min_inputs = 1,
    .max_inputs = 2,
    .infer = Infer,
    .reference = CopyReference,
    .takes_strings = true,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_squeeze;
const OpSpellings spellings_squeeze = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved, .unquantized_inputs = 0b10},
};

}  // namespace whet::ops
