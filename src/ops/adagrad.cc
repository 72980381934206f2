#include "ir/spelling.h"
#include "ops/onnx_dtype_common.h"
#include "ops/optimizer_common.h"

namespace whet::ops {
namespace {

Status Import(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const OptimizerInputs in, OptimizerInputs::Of(node, 1));
  for (size_t i = 0; i < in.count; ++i) {
    Value* x = node.input(2 + i);
    const Arithmetic a{builder, x->type.dtype};
    Value* step = builder.Emit("Cast", {in.step}, {{"to", OnnxFromDType(a.dtype)}});
    Value* decay = a.Add(a.Number(1), a.Scale(node.attributes.Float("decay_factor", 0), step));
    Value* gradient =
        a.Add(a.Scale(node.attributes.Float("norm_coefficient", 0), x), node.input(2 + in.count + i));
    Value* squares = a.Add(node.input(2 + 2 * in.count + i), a.Mul(gradient, gradient));
    Value* root = a.Add(a.Sqrt(squares), a.Number(node.attributes.Float("epsilon", 0)));
    node.SetResult(i, a.Sub(x, a.Div(a.Mul(a.Div(in.rate, decay), gradient), root)));
    node.SetResult(in.count + i, squares);
  }
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"Adagrad", 1, 1 << 20, "ai.onnx.preview.training", Import}};

}  // namespace

extern const OpDef op_adagrad;
const OpDef op_adagrad = {
    .name = "Adagrad",
    .summary = "One step of training with adaptive gradients",
    .min_inputs = 3,
    .max_inputs = -1,
    .min_outputs = 1,
    .max_outputs = -1,
};

extern const OpSpellings spellings_adagrad;
const OpSpellings spellings_adagrad = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
