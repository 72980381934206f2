#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/gather_common.h"
#include "ops/shape_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const Type& indices = context.input(1);
  const Type& updates = context.input(2);
  WHET_RETURN_IF_ERROR(ScatterReductionOf(context.attributes()).TakeStatus());
  if (updates.dtype != x.dtype) return Error(Code::kBadFile, "the updates have another type than the data");
  if (indices.ranked && indices.dims.empty()) return Error(Code::kBadFile, "the indices are a scalar");
  context.SetOutput(0, x);
  if (!x.ranked || !indices.ranked || indices.dims.empty() || !indices.dims.back().known()) return {};
  const int64_t length = indices.dims.back().lo;
  if (length > x.rank()) {
    return Error(Code::kBadFile, "index tuples of %lld do not fit %s", static_cast<long long>(length),
                 ToString(x).c_str());
  }
  std::vector<Dim> dims(indices.dims.begin(), indices.dims.end() - 1);
  dims.insert(dims.end(), x.dims.begin() + length, x.dims.end());
  bool same = !updates.ranked || updates.dims.size() == dims.size();
  for (size_t d = 0; same && d < updates.dims.size(); ++d) same = Meet(dims[d], updates.dims[d]).ok();
  if (!same) {
    return Error(Code::kBadFile, "the updates are %s but the indices ask for %s", ToString(updates).c_str(),
                 ToString(Type(x.dtype, dims)).c_str());
  }
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& indices = context.input(1);
  const TensorView& y = context.output(0);
  WHET_ASSIGN_OR_RETURN(const ScatterReduction reduction, ScatterReductionOf(context.attributes()));
  WHET_RETURN_IF_ERROR(CopyReference(context));
  const int64_t length = indices.shape.back();
  const std::vector<int64_t> strides = StridesOf(y.shape);
  int64_t slice = 1;
  for (int d = static_cast<int>(length); d < y.shape.rank(); ++d) slice *= y.shape[d];
  int64_t count = 1;
  for (int d = 0; d + 1 < indices.shape.rank(); ++d) count *= indices.shape[d];
  for (int64_t i = 0; i < count; ++i) {
    int64_t offset = 0;
    for (int64_t k = 0; k < length; ++k) {
      const int axis = static_cast<int>(k);
      WHET_ASSIGN_OR_RETURN(const int64_t index,
                            CheckedIndex(LoadInt(indices, i * length + k), y.shape[axis]));
      offset += index * strides[static_cast<size_t>(axis)];
    }
    for (int64_t k = 0; k < slice; ++k)
      ScatterElement(reduction, context.input(2), i * slice + k, y, offset + k);
  }
  return {};
}

// Updates that meet are added up.
Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* updates = node.input(1);
  Value* zeros = builder.Emit(
      "Expand", {builder.Scalar(0, updates->type.dtype), TfliteIntVector(builder, node.input(2))});
  node.SetResult(0, builder.Emit("ScatterND", {zeros, TfliteInts(builder, node.input(0)), updates},
                                 {{"reduction", std::string("add")}}));
  return builder.TakeStatus();
}

// The updates replace a block of x that begins at the given place, or as near to it as they fit.
Status ImportDynamicUpdateSlice(ForeignNode& node, GraphBuilder& builder) {
  const Type& x = node.input(0)->type;
  const Type& updates = node.input(1)->type;
  constexpr int64_t kMostIndices = 1 << 20;
  if (!x.IsStatic() || !updates.IsStatic() || x.rank() != updates.rank() || x.rank() < 1 ||
      updates.ToShape().elements() > kMostIndices / x.rank()) {
    return node.Unsupported("operands of open shape, or updates too many to list their places");
  }
  const Shape block = updates.ToShape();
  std::vector<int64_t> furthest;
  for (int d = 0; d < x.rank(); ++d) {
    furthest.push_back(x.dims[static_cast<size_t>(d)].lo - block[d]);
    if (furthest.back() < 0) return Error(Code::kBadFile, "the updates are larger than the input");
  }
  // The places within the block, one tuple for each element.
  std::vector<int64_t> places;
  for (IndexWalk walk(block, {}); !walk.done(); walk.Next()) {
    places.insert(places.end(), walk.index().begin(), walk.index().end());
  }
  Shape tuples = block;
  if (tuples.rank() == kMaxRank) return node.Unsupported("as many dimensions as there may be");
  tuples.push_back(x.rank());
  Value* start = builder.Emit("Max", {TfliteIntVector(builder, node.input(2)), builder.Int(0)});
  start = builder.Emit("Min", {start, builder.Ints(furthest)});
  Value* indices =
      builder.Emit("Add", {builder.Const(Constant::Copy(DType::kI64, tuples, places.data())), start});
  node.SetResult(0, builder.Emit("ScatterND", {node.input(0), indices, node.input(1)}));
  return builder.TakeStatus();
}

// TFLite adds what is scattered to zeros.
Status WriteTflite(const Node& node, TfliteSink& sink) {
  const Value* x = node.input(0);
  const Node* fill = x->producer();
  const Value* zero = fill != nullptr && fill->Is("Expand") ? fill->input(0) : x;
  const bool zeros = zero->IsConstant() && [&] {
    for (int64_t i = 0; i < zero->constant()->view().elements(); ++i) {
      if (LoadFloat(zero->constant()->view(), i) != 0) return false;
    }
    return true;
  }();
  if (!zeros || !x->type.IsStatic() || node.attributes.String("reduction") != "add") {
    return Error(Code::kUnsupported, "other than adding to zeros of known shape");
  }
  std::vector<int64_t> sizes;
  for (const Dim& dim : x->type.dims) sizes.push_back(dim.lo);
  sink.Operator("SCATTER_ND", {sink.Ints(node.input(1)), sink.Of(node.input(2)), sink.Ints(sizes)},
                {sink.Result(node)});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"reduction", AttributeKind::kString}};
constexpr OnnxSpelling kOnnx[] = {{"ScatterND", 11}};
constexpr TfliteSpelling kTflite[] = {{"SCATTER_ND", ImportTflite, 3},
                                      {"DYNAMIC_UPDATE_SLICE", ImportDynamicUpdateSlice, 3}};

}  // namespace

extern const OpDef op_scatter_nd;
const OpDef op_scatter_nd = {
    .name = "ScatterND",
    .summary = "x with slices, chosen by index tuples, replaced or combined",
    .min_inputs = 3,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_scatter_nd;
const OpSpellings spellings_scatter_nd = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.write = WriteTflite},
};

}  // namespace whet::ops
