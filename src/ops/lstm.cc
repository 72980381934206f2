#include "ops/recurrent_common.h"

namespace whet::ops {
namespace {

constexpr int kGates = 4;  // input, output, forget, cell
constexpr std::string_view kActivations[] = {"Sigmoid", "Tanh", "Tanh"};

Status Infer(InferContext& context) { return InferRecurrent(context, kGates); }

template <typename T>
Status Run(ReferenceContext& context) {
  const int64_t inputs = context.input(0).shape[2];
  const int64_t h = SizesOf(context).hidden;
  const bool coupled = context.attributes().Int("input_forget") != 0;
  T* from_x = context.Scratch<T>(kGates * h).data();
  T* from_h = context.Scratch<T>(kGates * h).data();
  return RunRecurrent<T>(
      context, kGates, kActivations, [&](const RecurrentWeights<T>& weights, const T* x, T* hidden, T* cell) {
        MultiplyRows(weights.w, x, weights.w_bias, kGates * h, inputs, from_x);
        MultiplyRows(weights.r, hidden, weights.r_bias, kGates * h, h, from_h);
        for (int64_t i = 0; i < h; ++i) {
          const auto gate = [&](int64_t g) {
            return static_cast<double>(from_x[g * h + i] + from_h[g * h + i]);
          };
          const auto peep = [&](int64_t g, double c) {
            return weights.peepholes != nullptr ? static_cast<double>(weights.peepholes[g * h + i]) * c : 0;
          };
          const auto before = static_cast<double>(cell[i]);
          const double input = weights.Apply(0, gate(0) + peep(0, before));
          const double forget = coupled ? 1 - input : weights.Apply(0, gate(2) + peep(2, before));
          const double c = forget * before + input * weights.Apply(1, gate(3));
          const double output = weights.Apply(0, gate(1) + peep(1, c));
          cell[i] = static_cast<T>(c);
          hidden[i] = static_cast<T>(output * weights.activations[2](c));
        }
      });
}

Status Reference(ReferenceContext& context) {
  return context.input(0).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "LSTM", .since = 7}};

}  // namespace

extern const OpDef op_lstm;
const OpDef op_lstm = {
    .name = "LSTM",
    .summary = "Long short-term memory over a sequence, one or both ways",
    .min_inputs = 3,
    .max_inputs = 8,
    .min_outputs = 0,
    .max_outputs = 3,
    .attributes = kRecurrentAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = RecurrentMacs,
    .onnx = kOnnx,
};

}  // namespace whet::ops
