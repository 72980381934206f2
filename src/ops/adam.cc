#include "ir/spelling.h"
#include "ops/onnx_dtype_common.h"
#include "ops/optimizer_common.h"

namespace whet::ops {
namespace {

Status Import(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const OptimizerInputs in, OptimizerInputs::Of(node, 2));
  const double alpha = node.attributes.Float("alpha", 0.9);
  const double beta = node.attributes.Float("beta", 0.999);
  for (size_t i = 0; i < in.count; ++i) {
    Value* x = node.input(2 + i);
    const Arithmetic a{builder, x->type.dtype};
    Value* gradient =
        a.Add(a.Scale(node.attributes.Float("norm_coefficient", 0), x), node.input(2 + in.count + i));
    Value* mean = a.Add(a.Scale(alpha, node.input(2 + 2 * in.count + i)), a.Scale(1 - alpha, gradient));
    Value* squares =
        a.Add(a.Scale(beta, node.input(2 + 3 * in.count + i)), a.Scale(1 - beta, a.Mul(gradient, gradient)));
    Value* root = a.Add(a.Sqrt(squares), a.Number(node.attributes.Float("epsilon", 1e-6)));
    // The moments start at 0; later steps make up for that.
    Value* step = builder.Emit("Cast", {in.step}, {{"to", OnnxFromDType(a.dtype)}});
    const auto missing = [&](double factor) {
      return a.Sub(a.Number(1), builder.Emit("Pow", {a.Number(factor), step}));
    };
    Value* adjusted = a.Div(a.Mul(in.rate, a.Sqrt(missing(beta))), missing(alpha));
    Value* rate = builder.Emit("Where", {builder.Emit("Greater", {step, a.Number(0)}), adjusted, in.rate});
    Value* moved = a.Sub(x, a.Div(a.Mul(rate, mean), root));
    node.SetResult(i, a.Scale(1 - node.attributes.Float("norm_coefficient_post", 0), moved));
    node.SetResult(in.count + i, mean);
    node.SetResult(2 * in.count + i, squares);
  }
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Adam", 1, 1 << 20, "ai.onnx.preview.training", Import}};

}  // namespace

extern const OpDef op_adam;
const OpDef op_adam = {
    .name = "Adam",
    .summary = "One step of training with estimates of the gradients' moments",
    .min_inputs = 3,
    .max_inputs = -1,
    .min_outputs = 1,
    .max_outputs = -1,
};

extern const OpSpellings spellings_adam;
const OpSpellings spellings_adam = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
