#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const Type& indices = context.input(1);
  const int64_t batch = context.attributes().Int("batch_dims");
  if (!x.ranked || !indices.ranked || indices.dims.empty() || !indices.dims.back().known()) {
    context.SetOutput(0, Type::Unranked(x.dtype));
    return {};
  }
  const int64_t length = indices.dims.back().lo;
  if (batch < 0 || batch >= indices.rank() || length > x.rank() - batch) {
    return Error(Code::kBadFile, "index tuples of %lld do not fit %s with %lld batch dimensions",
                 static_cast<long long>(length), ToString(x).c_str(), static_cast<long long>(batch));
  }
  std::vector<Dim> dims(indices.dims.begin(), indices.dims.end() - 1);
  for (size_t d = 0; d < static_cast<size_t>(batch); ++d) {
    WHET_ASSIGN_OR_RETURN(dims[d], Meet(dims[d], x.dims[d]));
  }
  dims.insert(dims.end(), x.dims.begin() + batch + length, x.dims.end());
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& indices = context.input(1);
  const auto batch_dims = static_cast<int>(context.attributes().Int("batch_dims"));
  const int64_t length = indices.shape.back();
  const std::vector<int64_t> strides = StridesOf(x.shape);
  int64_t batches = 1;
  for (int d = 0; d < batch_dims; ++d) batches *= x.shape[d];
  int64_t slice = 1;
  for (int d = batch_dims + static_cast<int>(length); d < x.shape.rank(); ++d) slice *= x.shape[d];
  int64_t count = 1;
  for (int d = 0; d + 1 < indices.shape.rank(); ++d) count *= indices.shape[d];
  for (int64_t i = 0; i < count; ++i) {
    int64_t offset = i / (count / batches) * (x.elements() / batches);
    for (int64_t k = 0; k < length; ++k) {
      const int axis = batch_dims + static_cast<int>(k);
      WHET_ASSIGN_OR_RETURN(const int64_t index,
                            CheckedIndex(LoadInt(indices, i * length + k), x.shape[axis]));
      offset += index * strides[static_cast<size_t>(axis)];
    }
    CopyElements(x, offset, context.output(0), i * slice, slice);
  }
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("GatherND", {node.input(0), TfliteInts(builder, node.input(1))}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  if (node.attributes.Int("batch_dims") != 0) return Error(Code::kUnsupported, "batch_dims is not 0");
  sink.Operator("GATHER_ND", {sink.Of(node.input(0)), sink.Of(node.input(1))}, {sink.Result(node)});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"batch_dims", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"GatherND", 11}};
constexpr TfliteSpelling kTflite[] = {{"GATHER_ND", ImportTflite, 2}};

}  // namespace

extern const OpDef op_gather_nd;
const OpDef op_gather_nd = {
    .name = "GatherND",
    .summary = "Slices of x, chosen by index tuples",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_gather_nd;
const OpSpellings spellings_gather_nd = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
