#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"

namespace whet::ops {
namespace {

// Absent: reversed.
std::vector<int64_t> PermutationOf(const Attributes& attributes, int rank) {
  const auto perm = attributes.Ints("perm");
  if (!perm.empty() || rank == 0) return {perm.begin(), perm.end()};
  std::vector<int64_t> reversed;
  for (int i = rank - 1; i >= 0; --i) reversed.push_back(i);
  return reversed;
}

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  const auto perm = PermutationOf(context.attributes(), x.rank());
  std::vector<bool> seen(x.dims.size());
  std::vector<Dim> dims;
  for (int64_t p : perm) {
    if (p < 0 || p >= x.rank() || seen[static_cast<size_t>(p)]) break;
    seen[static_cast<size_t>(p)] = true;
    dims.push_back(x.dims[static_cast<size_t>(p)]);
  }
  if (perm.size() != x.dims.size() || dims.size() != x.dims.size()) {
    return Error(Code::kBadFile, "perm is not a permutation of the input's %d dimensions", x.rank());
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const auto strides = StridesOf(x.shape);
  std::vector<int64_t> permuted;
  for (int64_t p : PermutationOf(context.attributes(), x.shape.rank())) {
    permuted.push_back(strides[static_cast<size_t>(p)]);
  }
  int64_t i = 0;
  for (IndexWalk walk(y.shape, {permuted}); !walk.done(); walk.Next(), ++i)
    CopyElement(x, walk.offset(0), y, i);
  return {};
}

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  const Value* perm = node.input(1);
  if (perm == nullptr || !perm->IsConstant()) return node.Unsupported("a permutation that is not a constant");
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < perm->constant()->view().elements(); ++i)
    axes.push_back(LoadInt(perm->constant()->view(), i));
  node.SetResult(0, builder.Transpose(x, axes));
  return builder.TakeStatus();
}

// Through the builder, so that a transpose of its own inverse never enters the Graph.
Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  if (!x->type.ranked) {
    node.SetResult(0, builder.Emit("Transpose", {x}, std::move(node.attributes)));
  } else {
    node.SetResult(0, builder.Transpose(x, PermutationOf(node.attributes, x->type.rank())));
  }
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  sink.Node("Transpose", {sink.NameOf(node.input(0))}, {sink.NameOf(node.output())}, node.attributes);
  return {};
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  const auto given = node.attributes.Ints("perm");
  std::vector<int64_t> perm(given.begin(), given.end());
  if (perm.empty()) {
    if (!node.input(0)->type.ranked)
      return Error(Code::kUnsupported, "the number of dimensions is not known");
    for (int64_t i = node.input(0)->type.rank(); i-- > 0;) perm.push_back(i);
  }
  sink.Operator("TRANSPOSE", {sink.Of(node.input(0)), sink.Ints(perm)}, {sink.Result(node)});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"perm", AttributeKind::kInts}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "Transpose", .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"TRANSPOSE", ImportTflite, 2}};

}  // namespace

extern const OpDef op_transpose;
const OpDef op_transpose = {
    .name = "Transpose",
    .summary = "Permutes dimensions",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_transpose;
const OpSpellings spellings_transpose = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
