#include "kernels/qrecurrent/qlstm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/testing.h"

namespace whet::kernels::qlstm {
namespace {

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

template <typename T>
GuardedBuffer<T> Guarded(const std::vector<T>& from) {
  GuardedBuffer<T> to(static_cast<int64_t>(from.size()));
  std::copy(from.begin(), from.end(), to.data());
  return to;
}

struct Layer {
  Layer(int64_t hidden_, std::mt19937& random)
      : hidden(hidden_),
        weights(static_cast<size_t>(4 * hidden * hidden)),
        scales(static_cast<size_t>(4 * hidden)) {
    for (int8_t& w : weights) w = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
    for (float& s : scales) s = 0.001f + 0.00001f * static_cast<float>(random() % 300);
  }
  int64_t hidden;
  std::vector<int8_t> weights;  // [gate][unit][k]
  std::vector<float> scales;
};

// One sequence of one batch in double, but for the state's rounding to steps.
std::vector<double> Expected(const Layer& layer, const float* gates, int64_t steps, int64_t gates_stride,
                             bool reverse, std::vector<double> state, std::vector<double> cell) {
  const int64_t hidden = layer.hidden;
  std::vector<double> all(static_cast<size_t>(steps * hidden));
  double reach = 1;
  for (double h : state) reach = std::max(reach, std::abs(h));
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t t = reverse ? steps - 1 - i : i;
    std::vector<double> rounded = state;
    for (double& h : rounded) h = std::nearbyint(h * 32767 / reach) * reach / 32767;
    reach = 1;
    for (int64_t j = 0; j < hidden; ++j) {
      double g[4];
      for (int64_t k = 0; k < 4; ++k) {
        const int64_t row = k * hidden + j;
        double sum = 0;
        for (int64_t m = 0; m < hidden; ++m)
          sum += layer.weights[static_cast<size_t>(row * hidden + m)] * rounded[static_cast<size_t>(m)];
        g[k] =
            gates[t * gates_stride + row] + sum * static_cast<double>(layer.scales[static_cast<size_t>(row)]);
      }
      double& c = cell[static_cast<size_t>(j)];
      c = Sigmoid(g[2]) * c + Sigmoid(g[0]) * std::tanh(g[3]);
      state[static_cast<size_t>(j)] = Sigmoid(g[1]) * std::tanh(c);
      all[static_cast<size_t>(t * hidden + j)] = state[static_cast<size_t>(j)];
    }
  }
  return all;
}

TEST(QLstm, FollowsItsEquationsWithTheSameBitsEverywhere) {
  std::mt19937 random(3);
  for (int64_t hidden : {1, 2, 5, 15, 16, 17, 33, 64, 128}) {
    for (bool reverse : {false, true}) {
      for (float first : {0.0f, 1.0f, 6.0f}) {  // how far the first state reaches; 0: there is none
        const int64_t steps = 6, batch = 2;
        const Params p{steps,     batch, hidden, reverse ? 1 : 0, batch * hidden, hidden, batch * 4 * hidden,
                       4 * hidden};
        const Layer layer(hidden, random);
        GuardedBuffer<int8_t> packed = Guarded(Pack(layer.weights.data(), hidden));
        GuardedBuffer<float> scales = Guarded(PackScales(layer.scales.data(), hidden));
        GuardedBuffer<float> gates(steps * batch * 4 * hidden), h0(batch * hidden), c0(batch * hidden);
        gates.FillRandom(random);
        h0.FillRandom(random, -first, first);
        c0.FillRandom(random);
        std::vector<float> portable;
        for (Isa isa : RunnableIsas()) {
          GuardedBuffer<float> out(steps * batch * hidden), h(batch * hidden), c(batch * hidden);
          std::copy_n(h0.data(), h0.size(), h.data());
          std::copy_n(c0.data(), c0.size(), c.data());
          Choice choice;
          ASSERT_TRUE(qlstm::Choose(isa, p, &choice).ok());
          const Operand none{nullptr, 0};
          const std::vector<Operand> operands{ToOperand(out),
                                              ToOperand(h),
                                              ToOperand(c),
                                              ToOperand(gates),
                                              first > 0 ? ToOperand(h) : none,  // in place
                                              first > 0 ? ToOperand(c) : none,
                                              ToOperand(packed),
                                              ToOperand(scales)};
          RunRow(choice, p, operands);
          ExpectRefusesSmallerOperands(choice, p, operands);
          ASSERT_FALSE(HasFailure());
          for (int64_t b = 0; b < batch; ++b) {
            std::vector<double> state(static_cast<size_t>(hidden), 0), cell = state;
            for (int64_t j = 0; j < hidden && first > 0; ++j) {
              state[static_cast<size_t>(j)] = h0[b * hidden + j];
              cell[static_cast<size_t>(j)] = c0[b * hidden + j];
            }
            const std::vector<double> want = Expected(layer, gates.data() + b * 4 * hidden, steps,
                                                      batch * 4 * hidden, reverse, state, cell);
            for (int64_t t = 0; t < steps; ++t) {
              for (int64_t j = 0; j < hidden; ++j) {
                ASSERT_NEAR(out[(t * batch + b) * hidden + j], want[static_cast<size_t>(t * hidden + j)],
                            1e-4)
                    << choice.row->name << " hidden " << hidden << " step " << t << " unit " << j;
              }
            }
            const int64_t last = reverse ? 0 : steps - 1;
            for (int64_t j = 0; j < hidden; ++j)
              ASSERT_EQ(h[b * hidden + j], out[(last * batch + b) * hidden + j]);
          }
          ASSERT_TRUE(out.GuardsIntact() && h.GuardsIntact() && c.GuardsIntact());
          std::vector<float> bits(out.span().begin(), out.span().end());
          bits.insert(bits.end(), c.span().begin(), c.span().end());
          if (portable.empty()) portable = bits;
          ASSERT_EQ(std::memcmp(portable.data(), bits.data(), bits.size() * sizeof(float)), 0)
              << choice.row->name;
        }
      }
    }
  }
}

TEST(QLstm, TheLargestSumsFit) {
  const int64_t hidden = kLargestHidden;
  for (int8_t weight : {int8_t{-128}, int8_t{127}}) {
    const std::vector<int8_t> weights(static_cast<size_t>(4 * hidden * hidden), weight);
    const std::vector<float> ones(static_cast<size_t>(4 * hidden), 1.0f / (128 * 512));
    GuardedBuffer<int8_t> packed = Guarded(Pack(weights.data(), hidden));
    GuardedBuffer<float> scales = Guarded(PackScales(ones.data(), hidden)), gates(4 * hidden), h(hidden),
                         out(hidden);
    std::fill(gates.span().begin(), gates.span().end(), 0.0f);
    std::fill(h.span().begin(), h.span().end(), 1.0f);
    const Params p{1, 1, hidden, 0, hidden, hidden, 4 * hidden, 4 * hidden};
    for (Isa isa : RunnableIsas()) {
      Choice choice;
      ASSERT_TRUE(qlstm::Choose(isa, p, &choice).ok());
      const Operand none{nullptr, 0};
      RunRow(choice, p,
             {ToOperand(out), none, none, ToOperand(gates), ToOperand(h), none, ToOperand(packed),
              ToOperand(scales)});
      const double gate = weight / 128.0;
      const double c = Sigmoid(gate) * std::tanh(gate);
      EXPECT_NEAR(out[0], Sigmoid(gate) * std::tanh(c), 1e-6) << choice.row->name;
    }
  }
  Choice choice;
  const Params p{1, 1, hidden + 1, 0, hidden + 1, hidden + 1, 4 * hidden + 4, 4 * hidden + 4};
  EXPECT_FALSE(qlstm::Choose(Isa::kPortable, p, &choice).ok());
}

TEST(QLstm, StrangeStatesDoNoHarm) {
  const int64_t hidden = 9;
  std::mt19937 random(1);
  const Layer layer(hidden, random);
  GuardedBuffer<int8_t> packed = Guarded(Pack(layer.weights.data(), hidden));
  GuardedBuffer<float> scales = Guarded(PackScales(layer.scales.data(), hidden)), gates(4 * hidden),
                       h(hidden), out(hidden);
  gates.FillRandom(random);
  const Params p{1, 1, hidden, 0, hidden, hidden, 4 * hidden, 4 * hidden};
  for (float strange : {std::nanf(""), INFINITY, -INFINITY, 3e38f, 1e-40f}) {
    h.FillRandom(random);
    h[4] = strange;
    for (Isa isa : RunnableIsas()) {
      Choice choice;
      ASSERT_TRUE(qlstm::Choose(isa, p, &choice).ok());
      const Operand none{nullptr, 0};
      RunRow(choice, p,
             {ToOperand(out), none, none, ToOperand(gates), ToOperand(h), none, ToOperand(packed),
              ToOperand(scales)});
      EXPECT_TRUE(out.GuardsIntact());
    }
  }
}

}  // namespace
}  // namespace whet::kernels::qlstm
