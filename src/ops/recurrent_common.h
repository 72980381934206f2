// What LSTM, GRU and RNN share: shapes, activations, and the walk over directions, sequences and time.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "ir/op_def.h"
#include "ops/typed_common.h"

namespace whet::ops {

// `gates` weight matrices are stacked in W and R. Outputs: Y, Y_h and, for LSTM, Y_c.
Status InferRecurrent(InferContext& context, int gates);

// f(x) by ONNX's name of the function, with the node's clip before it.
class GateActivation {
 public:
  static Result<GateActivation> Find(std::string_view name);
  // Takes the next values of the lists for functions that have parameters.
  void TakeParameters(std::span<const double>* alphas, std::span<const double>* betas);
  double operator()(double x) const { return function_(x, alpha_, beta_); }

 private:
  double (*function_)(double, double, double) = nullptr;
  double alpha_ = 0, beta_ = 0;
  bool has_alpha_ = false, has_beta_ = false;
};

struct RecurrentSizes {
  int64_t steps = 0, batch = 0, inputs = 0, hidden = 0, directions = 1;
  bool batch_first = false;  // layout = 1
};

// One direction's parameters; null where absent. Biases are [gates * hidden] each.
template <typename T>
struct RecurrentWeights {
  const T* w = nullptr;
  const T* r = nullptr;
  const T* w_bias = nullptr;
  const T* r_bias = nullptr;
  const T* peepholes = nullptr;
  std::span<const GateActivation> activations;
  double clip = 0;  // 0: none

  double Apply(size_t i, double x) const {
    if (clip > 0) x = x < -clip ? -clip : x > clip ? clip : x;
    return activations[i](x);
  }
};

RecurrentSizes SizesOf(const ReferenceContext& context);
// `per_direction` functions for each direction, `defaults` where the node names none.
Result<std::vector<GateActivation>> ActivationsOf(const Attributes& attributes, int64_t directions,
                                                  std::span<const std::string_view> defaults);

// to[i] = (rows of m) . v (+ bias[i])
template <typename T>
void MultiplyRows(const T* m, const T* v, const T* bias, int64_t rows, int64_t columns, T* to) {
  for (int64_t i = 0; i < rows; ++i) {
    to[i] = DotProduct(m + i * columns, v, columns) + (bias != nullptr ? bias[i] : T{0});
  }
}

// Runs step(weights, x, h, c) for every direction, sequence and time; it updates h (and c) of [hidden].
template <typename T, typename Step>
Status RunRecurrent(ReferenceContext& context, int64_t gates, std::span<const std::string_view> defaults,
                    Step step) {
  enum Input : size_t { kX, kW, kR, kB, kSequenceLengths, kInitialH, kInitialC, kP };
  const RecurrentSizes s = SizesOf(context);
  const int64_t h = s.hidden;
  WHET_ASSIGN_OR_RETURN(const auto activations, ActivationsOf(context.attributes(), s.directions, defaults));
  const bool backward_only = context.attributes().String("direction", "forward") == "reverse";

  const T* x = InputArray<T>(context, kX);
  const T* w = InputArray<T>(context, kW);
  const T* r = InputArray<T>(context, kR);
  const T* b = InputArray<T>(context, kB);
  const T* initial_h = InputArray<T>(context, kInitialH);
  const T* initial_c = InputArray<T>(context, kInitialC);
  const T* p = InputArray<T>(context, kP);
  T* y = OutputArray<T>(context, 0);
  T* y_h = OutputArray<T>(context, 1);
  T* y_c = OutputArray<T>(context, 2);
  T* hidden = context.Scratch<T>(h).data();
  T* cell = context.Scratch<T>(h).data();
  if (y != nullptr) std::fill_n(y, context.output(0).elements(), T{0});

  for (int64_t d = 0; d < s.directions; ++d) {
    const bool reverse = backward_only || d == 1;
    RecurrentWeights<T> weights{
        .w = w + d * gates * h * s.inputs,
        .r = r + d * gates * h * h,
        .w_bias = b != nullptr ? b + d * 2 * gates * h : nullptr,
        .r_bias = b != nullptr ? b + (d * 2 + 1) * gates * h : nullptr,
        .peepholes = p != nullptr ? p + d * 3 * h : nullptr,
        .activations =
            std::span(activations).subspan(static_cast<size_t>(d) * defaults.size(), defaults.size()),
        .clip = context.attributes().Float("clip")};
    for (int64_t n = 0; n < s.batch; ++n) {
      const int64_t state = (s.batch_first ? n * s.directions + d : d * s.batch + n) * h;
      for (int64_t i = 0; i < h; ++i) {
        hidden[i] = initial_h != nullptr ? initial_h[state + i] : T{0};
        cell[i] = initial_c != nullptr ? initial_c[state + i] : T{0};
      }
      int64_t length = s.steps;
      if (context.HasInput(kSequenceLengths)) {
        length = std::clamp<int64_t>(LoadInt(context.input(kSequenceLengths), n), 0, s.steps);
      }
      for (int64_t t = 0; t < length; ++t) {
        const int64_t time = reverse ? length - 1 - t : t;
        step(weights, x + (s.batch_first ? n * s.steps + time : time * s.batch + n) * s.inputs, hidden, cell);
        if (y == nullptr) continue;
        const int64_t at =
            s.batch_first ? (n * s.steps + time) * s.directions + d : (time * s.directions + d) * s.batch + n;
        std::copy_n(hidden, h, y + at * h);
      }
      if (y_h != nullptr) std::copy_n(hidden, h, y_h + state);
      if (y_c != nullptr) std::copy_n(cell, h, y_c + state);
    }
  }
  StoreArray(context, 0, y);
  StoreArray(context, 1, y_h);
  StoreArray(context, 2, y_c);
  return {};
}

inline constexpr AttributeDef kRecurrentAttributes[] = {
    {"hidden_size", AttributeKind::kInt},
    {"direction", AttributeKind::kString},
    {"layout", AttributeKind::kInt},
    {"clip", AttributeKind::kFloat},
    {"activations", AttributeKind::kStrings},
    {"activation_alpha", AttributeKind::kFloats},
    {"activation_beta", AttributeKind::kFloats},
    {"input_forget", AttributeKind::kInt},
    {"linear_before_reset", AttributeKind::kInt},
};

// Multiply-accumulates of the weights and the recurrent weights over all steps.
int64_t RecurrentMacs(const Node& node);

}  // namespace whet::ops
