#include "ops/recurrent_common.h"

namespace whet::ops {
namespace {

constexpr std::string_view kActivations[] = {"Tanh"};

Status Infer(InferContext& context) { return InferRecurrent(context, 1); }

template <typename T>
Status Run(ReferenceContext& context) {
  const int64_t inputs = context.input(0).shape[2];
  const int64_t h = SizesOf(context).hidden;
  T* from_x = context.Scratch<T>(h).data();
  T* from_h = context.Scratch<T>(h).data();
  return RunRecurrent<T>(
      context, 1, kActivations, [&](const RecurrentWeights<T>& weights, const T* x, T* hidden, T*) {
        MultiplyRows(weights.w, x, weights.w_bias, h, inputs, from_x);
        MultiplyRows(weights.r, hidden, weights.r_bias, h, h, from_h);
        for (int64_t i = 0; i < h; ++i) {
          hidden[i] = static_cast<T>(weights.Apply(0, static_cast<double>(from_x[i] + from_h[i])));
        }
      });
}

Status Reference(ReferenceContext& context) {
  return context.input(0).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "RNN", .since = 7}};

}  // namespace

extern const OpDef op_rnn;
const OpDef op_rnn = {
    .name = "RNN",
    .summary = "Simple recurrent network over a sequence, one or both ways",
    .min_inputs = 3,
    .max_inputs = 6,
    .min_outputs = 0,
    .max_outputs = 2,
    .attributes = kRecurrentAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = RecurrentMacs,
    .onnx = kOnnx,
};

}  // namespace whet::ops
