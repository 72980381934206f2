#include "ir/spelling.h"
#include "ops/recurrent_common.h"

namespace whet::ops {
namespace {

constexpr int kGates = 3;  // update, reset, hidden
constexpr std::string_view kActivations[] = {"Sigmoid", "Tanh"};

Status Infer(InferContext& context) { return InferRecurrent(context, kGates); }

template <typename T>
Status Run(ReferenceContext& context) {
  const int64_t inputs = context.input(0).shape[2];
  const int64_t h = SizesOf(context).hidden;
  const bool linear_first = context.attributes().Int("linear_before_reset") != 0;
  T* from_x = context.Scratch<T>(kGates * h).data();
  T* from_h = context.Scratch<T>(kGates * h).data();
  T* reset_hidden = context.Scratch<T>(h).data();
  T* update = context.Scratch<T>(h).data();
  return RunRecurrent<T>(
      context, kGates, kActivations, [&](const RecurrentWeights<T>& weights, const T* x, T* hidden, T*) {
        MultiplyRows(weights.w, x, weights.w_bias, kGates * h, inputs, from_x);
        MultiplyRows(weights.r, hidden, weights.r_bias, (linear_first ? 3 : 2) * h, h, from_h);
        for (int64_t i = 0; i < h; ++i) {
          update[i] = static_cast<T>(weights.Apply(0, static_cast<double>(from_x[i] + from_h[i])));
          const auto reset =
              static_cast<T>(weights.Apply(0, static_cast<double>(from_x[h + i] + from_h[h + i])));
          if (linear_first) {
            from_h[2 * h + i] *= reset;
          } else {
            reset_hidden[i] = reset * hidden[i];
          }
        }
        if (!linear_first) {
          MultiplyRows(weights.r + 2 * h * h, reset_hidden,
                       weights.r_bias != nullptr ? weights.r_bias + 2 * h : nullptr, h, h, from_h + 2 * h);
        }
        for (int64_t i = 0; i < h; ++i) {
          const auto now =
              static_cast<T>(weights.Apply(1, static_cast<double>(from_x[2 * h + i] + from_h[2 * h + i])));
          hidden[i] = (1 - update[i]) * now + update[i] * hidden[i];
        }
      });
}

Status Reference(ReferenceContext& context) {
  return context.input(0).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

constexpr OnnxSpelling kOnnx[] = {{.op_type = "GRU", .since = 7}};

}  // namespace

extern const OpDef op_gru;
const OpDef op_gru = {
    .name = "GRU",
    .summary = "Gated recurrent unit over a sequence, one or both ways",
    .min_inputs = 3,
    .max_inputs = 6,
    .min_outputs = 0,
    .max_outputs = 2,
    .attributes = kRecurrentAttributes,
    .infer = Infer,
    .reference = Reference,
    .macs = RecurrentMacs,
};

extern const OpSpellings spellings_gru;
const OpSpellings spellings_gru = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
