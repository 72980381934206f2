#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elementwise_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  if (context.input(1).dtype != context.input(2).dtype) {
    return Error(Code::kBadFile, "inputs 1 and 2 are %s and %s; they must be of one type",
                 std::string(DTypeName(context.input(1).dtype)).c_str(),
                 std::string(DTypeName(context.input(2).dtype)).c_str());
  }
  WHET_ASSIGN_OR_RETURN(Type type, BroadcastInputs(context, context.input(1).dtype));
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& condition = context.input(0);
  const TensorView& a = context.input(1);
  const TensorView& b = context.input(2);
  const TensorView& y = context.output(0);
  int64_t i = 0;
  for (IndexWalk walk(y.shape, {BroadcastStrides(condition.shape, y.shape),
                                BroadcastStrides(a.shape, y.shape), BroadcastStrides(b.shape, y.shape)});
       !walk.done(); walk.Next(), ++i) {
    if (LoadInt(condition, walk.offset(0)) != 0) {
      CopyElement(a, walk.offset(1), y, i);
    } else {
      CopyElement(b, walk.offset(2), y, i);
    }
  }
  return {};
}

// A condition of one dimension chooses whole rows.
Status ImportSelect(ForeignNode& node, GraphBuilder& builder) {
  Value* condition = node.input(0);
  const Type& x = node.input(1)->type;
  if (condition->type.ranked && x.ranked && condition->type.rank() == 1 && x.rank() > 1) {
    std::vector<int64_t> axes;
    for (int64_t i = 1; i < x.rank(); ++i) axes.push_back(i);
    condition = builder.Emit("Unsqueeze", {condition, builder.Ints(axes)});
  }
  node.SetResult(0, builder.Emit("Where", {condition, node.input(1), node.input(2)}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Where", 9}};
constexpr TfliteSpelling kTflite[] = {{"SELECT_V2"}, {"SELECT", ImportSelect, 3}};

}  // namespace

extern const OpDef op_where;
const OpDef op_where = {
    .name = "Where",
    .summary = "a where the condition is true, else b",
    .min_inputs = 3,
    .max_inputs = 3,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
};

extern const OpSpellings spellings_where;
const OpSpellings spellings_where = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_tflite = {.scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
