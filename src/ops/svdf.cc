#include "ir/spelling.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

// A filter over time as the product of one over features and one over time ("singular value decomposition
// filter"). Inputs: x [batch, in]; weights of the features [filters, in]; of the time [filters, memory]; bias
// [units]; and the state [batch, filters * memory], which lives on. Each unit sums `rank` filters.
Status Import(ForeignNode& node, GraphBuilder& builder) {
  if (!node.HasInput(4)) return Error(Code::kBadFile, "lacks its state");
  const Type& x = node.input(0)->type;
  const Type& time = node.input(2)->type;
  const int64_t rank = node.attributes.Int("rank");
  if (!x.IsStatic() || x.rank() != 2 || !time.IsStatic() || time.rank() != 2 || rank < 1 ||
      time.dims[1].lo < 1 || time.dims[0].lo % rank != 0) {
    return Error(Code::kBadFile, "the input is %s, the weights of the time %s, the rank %lld",
                 ToString(x).c_str(), ToString(time).c_str(), static_cast<long long>(rank));
  }
  const int64_t batch = x.dims[0].lo;
  const int64_t filters = time.dims[0].lo;
  const int64_t memory = time.dims[1].lo;
  Value* last = builder.Ints({2});
  Value* state = builder.Emit("Reshape", {node.input(4), builder.Ints({batch, filters, memory})});
  Value* now = builder.Emit("MatMul", {node.input(0), node.input(1)}, {{"transpose_b", int64_t{1}}});
  // The oldest leaves, the newest comes in.
  Value* kept = builder.Emit("Slice", {state, builder.Ints({1}), builder.Ints({memory}), last});
  state = builder.Emit("Concat", {kept, builder.Emit("Unsqueeze", {now, last})}, {{"axis", int64_t{2}}});
  const auto sum = [&](Value* terms) {
    return builder.Emit("ReduceSum", {terms, last}, {{"keepdims", int64_t{0}}});
  };
  Value* filtered = sum(builder.Emit("Mul", {state, node.input(2)}));
  Value* y = sum(builder.Emit("Reshape", {filtered, builder.Ints({batch, filters / rank, rank})}));
  if (Value* bias = TfliteBias(node, 3)) y = builder.Emit("Add", {y, bias});
  node.SetResult(0, ApplyTfliteActivation(node, builder, y));
  node.SetVariable(4, builder.Emit("Reshape", {state, builder.Ints({batch, filters * memory})}));
  return builder.TakeStatus();
}

constexpr TfliteSpelling kTflite[] = {{"SVDF", Import, 3}};

}  // namespace

extern const OpDef op_svdf;
const OpDef op_svdf = {
    .name = "SVDF",
    .summary = "TFLite's filter over time of low rank; imported as a composition",
    .min_inputs = 5,
    .max_inputs = 5,
};

extern const OpSpellings spellings_svdf;
const OpSpellings spellings_svdf = {
    .tflite = kTflite,
};

}  // namespace whet::ops
