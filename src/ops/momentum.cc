#include "ir/spelling.h"
#include "ops/optimizer_common.h"

namespace whet::ops {
namespace {

Status Import(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const OptimizerInputs in, OptimizerInputs::Of(node, 1));
  const double alpha = node.attributes.Float("alpha", 0);
  const std::string_view mode = node.attributes.String("mode");
  if (mode != "standard" && mode != "nesterov")
    return node.Unsupported("the mode '" + std::string(mode) + "'");
  for (size_t i = 0; i < in.count; ++i) {
    Value* x = node.input(2 + i);
    const Arithmetic a{builder, x->type.dtype};
    Value* gradient =
        a.Add(a.Scale(node.attributes.Float("norm_coefficient", 0), x), node.input(2 + in.count + i));
    // In the first step the gradient counts in full.
    Value* later = builder.Emit("Greater", {in.step, builder.Scalar(0, in.step->type.dtype, "first")});
    Value* beta = builder.Emit("Where", {later, a.Number(node.attributes.Float("beta", 0)), a.Number(1)});
    Value* velocity = a.Add(a.Scale(alpha, node.input(2 + 2 * in.count + i)), a.Mul(beta, gradient));
    Value* direction = mode == "nesterov" ? a.Add(gradient, a.Scale(alpha, velocity)) : velocity;
    node.SetResult(i, a.Sub(x, a.Mul(in.rate, direction)));
    node.SetResult(in.count + i, velocity);
  }
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Momentum", 1, 1 << 20, "ai.onnx.preview.training", Import}};

}  // namespace

extern const OpDef op_momentum;
const OpDef op_momentum = {
    .name = "Momentum",
    .summary = "One step of training with momentum",
    .min_inputs = 3,
    .max_inputs = -1,
    .min_outputs = 1,
    .max_outputs = -1,
};

extern const OpSpellings spellings_momentum;
const OpSpellings spellings_momentum = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
