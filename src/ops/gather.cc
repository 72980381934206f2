#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const Type& indices = context.input(1);
  if (!x.ranked || !indices.ranked) {
    context.SetOutput(0, Type::Unranked(x.dtype));
    return {};
  }
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.rank()));
  std::vector<Dim> dims(x.dims.begin(), x.dims.begin() + axis);
  dims.insert(dims.end(), indices.dims.begin(), indices.dims.end());
  dims.insert(dims.end(), x.dims.begin() + axis + 1, x.dims.end());
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& indices = context.input(1);
  WHET_ASSIGN_OR_RETURN(const int axis, AxisOf(context.attributes().Int("axis"), x.shape.rank()));
  int64_t outer = 1;
  int64_t inner = 1;
  for (int d = 0; d < axis; ++d) outer *= x.shape[d];
  for (int d = axis + 1; d < x.shape.rank(); ++d) inner *= x.shape[d];
  const int64_t size = x.shape[axis];
  const int64_t count = indices.elements();
  for (int64_t k = 0; k < count; ++k) {
    WHET_ASSIGN_OR_RETURN(const int64_t index, CheckedIndex(LoadInt(indices, k), size));
    for (int64_t o = 0; o < outer; ++o)
      CopyElements(x, (o * size + index) * inner, context.output(0), (o * count + k) * inner, inner);
  }
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  const int64_t axis = node.attributes.Int("axis");
  const int64_t batch_dims = node.attributes.Int("batch_dims");
  Value* x = node.input(0);
  Value* indices = node.input(1);
  if (batch_dims == 0) {
    node.SetResult(0, builder.Emit("Gather", {x, indices}, {{"axis", axis}}));
  } else if (batch_dims == axis && batch_dims > 0) {
    Value* tuples = builder.Emit("Unsqueeze", {TfliteInts(builder, indices), builder.Ints({-1})});
    node.SetResult(0, builder.Emit("GatherND", {x, tuples}, {{"batch_dims", batch_dims}}));
  } else {
    return node.Unsupported("batch_dims that differ from the axis");
  }
  return builder.TakeStatus();
}

Status ImportEmbeddingLookup(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit("Gather", {node.input(1), node.input(0)}, {{"axis", int64_t{0}}}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const Type& x = node.input(0)->type;
  const Value* indices = node.input(1);
  const int axis = x.ranked ? NormalizeAxis(node.attributes.Int("axis"), x.rank()) : -1;
  if (axis < 0) return Error(Code::kUnsupported, "the number of dimensions is not known");
  const Dim& size = x.dims[static_cast<size_t>(axis)];
  TfliteSink::Tensor positions;
  // Constant indices may count from the end, which TFLite's may not.
  if (indices->IsConstant() && indices->constant()->view().elements() <= 1 << 20 && size.known()) {
    auto counted = Constant::Allocate(indices->type.dtype, indices->constant()->shape());
    bool negative = false;
    for (int64_t i = 0; i < counted->view().elements(); ++i) {
      const int64_t index = LoadInt(indices->constant()->view(), i);
      negative = negative || index < 0;
      StoreInt(counted->view(), i, index < 0 ? index + size.lo : index);
    }
    positions = negative ? sink.Constant(indices->name(), std::move(counted)) : sink.Of(indices);
  } else {
    positions = sink.Of(indices);
  }
  sink.Operator("GATHER", {sink.Of(node.input(0)), positions}, {sink.Result(node)},
                {{"axis", int64_t{axis}}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axis", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"Gather"}};
constexpr TfliteSpelling kTflite[] = {{"GATHER", ImportTflite, 2},
                                      {"EMBEDDING_LOOKUP", ImportEmbeddingLookup, 2}};

}  // namespace

extern const OpDef op_gather;
const OpDef op_gather = {
    .name = "Gather",
    .summary = "Slices of x along `axis`, chosen by indices",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_gather;
const OpSpellings spellings_gather = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
