#include "ir/foreign.h"
#include "ir/spelling.h"

namespace whet::ops {
namespace {

Status Import(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  const double alpha = node.attributes.Float("alpha", 1);
  if (alpha == 1) {
    node.SetResult(0, builder.Emit("Silu", {x}));
  } else {
    Value* scaled = builder.Emit("Mul", {x, builder.Scalar(alpha, x->type.dtype, "alpha")});
    node.SetResult(0, builder.Emit("Mul", {x, builder.Emit("Sigmoid", {scaled})}));
  }
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Swish", 24, 1 << 20, "", Import}};

}  // namespace

extern const OpDef op_swish;
const OpDef op_swish = {
    .name = "Swish",
    .summary = "x * Sigmoid(alpha * x)",
    .min_inputs = 1,
    .max_inputs = 1,
};

extern const OpSpellings spellings_swish;
const OpSpellings spellings_swish = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
