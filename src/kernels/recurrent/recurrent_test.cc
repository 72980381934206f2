#include <algorithm>
#include <cmath>

#include "kernels/recurrent/gru.h"
#include "kernels/recurrent/lstm.h"
#include "kernels/recurrent/pack.h"
#include "kernels/testing.h"

namespace whet::kernels {
namespace {

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// weights[gate][unit][k], as the models have them.
struct Recurrent {
  Recurrent(int64_t gates_, int64_t hidden_, std::mt19937& random)
      : gates(gates_), hidden(hidden_), weights(gates_ * hidden_ * hidden_) {
    weights.FillRandom(random, -0.4f, 0.4f);
  }
  double Product(int64_t gate, int64_t unit, const std::vector<double>& state) const {
    double sum = 0;
    for (int64_t k = 0; k < hidden; ++k) {
      sum += weights[(gate * hidden + unit) * hidden + k] * state[static_cast<size_t>(k)];
    }
    return sum;
  }
  GuardedBuffer<float> Packed(int64_t first, int64_t count) const {
    GuardedBuffer<float> packed(recurrent::PackedSize(count, hidden));
    recurrent::Pack(weights.data() + first * hidden * hidden, count, hidden, packed.data());
    EXPECT_TRUE(packed.GuardsIntact());
    return packed;
  }
  int64_t gates, hidden;
  GuardedBuffer<float> weights;
};

TEST(Lstm, FollowsItsEquations) {
  std::mt19937 random(1);
  for (int64_t hidden : {1, 5, 16, 33, 64}) {
    for (bool reverse : {false, true}) {
      for (bool with_state : {false, true}) {
        const int64_t steps = 7, batch = 3;
        // A step's output lies between those of another direction.
        const lstm::Params p{
            steps,     batch, hidden, reverse ? 1 : 0, 2 * batch * hidden, hidden, batch * 4 * hidden,
            4 * hidden};
        const Recurrent r(4, hidden, random);
        GuardedBuffer<float> packed = r.Packed(0, 4), gates(steps * batch * 4 * hidden);
        GuardedBuffer<float> h0(batch * hidden), c0(batch * hidden);
        gates.FillRandom(random);
        h0.FillRandom(random);
        c0.FillRandom(random);
        for (Isa isa : RunnableIsas()) {
          GuardedBuffer<float> out((2 * steps - 1) * batch * hidden), h(batch * hidden), c(batch * hidden);
          std::copy_n(h0.data(), h0.size(), h.data());
          std::copy_n(c0.data(), c0.size(), c.data());
          Choice choice;
          ASSERT_TRUE(lstm::Choose(isa, p, &choice).ok());
          const Operand none{nullptr, 0};
          const std::vector<Operand> operands{ToOperand(out),
                                              ToOperand(h),
                                              ToOperand(c),
                                              ToOperand(gates),
                                              with_state ? ToOperand(h) : none,  // in place
                                              with_state ? ToOperand(c) : none,
                                              ToOperand(packed)};
          RunRow(choice, p, operands);
          ExpectRefusesSmallerOperands(choice, p, operands);
          ASSERT_FALSE(HasFailure());
          for (int64_t b = 0; b < batch; ++b) {
            std::vector<double> state(static_cast<size_t>(hidden), 0), cell = state, next = state;
            for (int64_t j = 0; j < hidden && with_state; ++j) {
              state[static_cast<size_t>(j)] = h0[b * hidden + j];
              cell[static_cast<size_t>(j)] = c0[b * hidden + j];
            }
            for (int64_t i = 0; i < steps; ++i) {
              const int64_t t = reverse ? steps - 1 - i : i;
              for (int64_t j = 0; j < hidden; ++j) {
                double g[4];
                for (int64_t k = 0; k < 4; ++k) {
                  g[k] = gates[(t * batch + b) * 4 * hidden + k * hidden + j] + r.Product(k, j, state);
                }
                double& cj = cell[static_cast<size_t>(j)];
                cj = Sigmoid(g[2]) * cj + Sigmoid(g[0]) * std::tanh(g[3]);
                next[static_cast<size_t>(j)] = Sigmoid(g[1]) * std::tanh(cj);
                ASSERT_NEAR(out[t * p.out_step_stride + b * hidden + j], next[static_cast<size_t>(j)], 5e-6)
                    << choice.row->name << " hidden " << hidden;
              }
              state = next;
            }
            for (int64_t j = 0; j < hidden; ++j) {
              ASSERT_NEAR(h[b * hidden + j], state[static_cast<size_t>(j)], 5e-6);
              ASSERT_NEAR(c[b * hidden + j], cell[static_cast<size_t>(j)], 5e-6);
            }
          }
          ASSERT_TRUE(out.GuardsIntact() && h.GuardsIntact() && c.GuardsIntact());
        }
      }
    }
  }
}

TEST(Gru, FollowsItsEquations) {
  std::mt19937 random(2);
  for (int64_t hidden : {1, 5, 16, 33, 64}) {
    for (int32_t linear : {0, 1}) {
      for (bool with_state : {false, true}) {
        const int64_t steps = 6, batch = 2;
        const int32_t reverse = with_state ? 1 : 0;
        const gru::Params p{
            steps, batch, hidden, reverse, linear, batch * hidden, hidden, batch * 3 * hidden, 3 * hidden};
        const Recurrent r(3, hidden, random);
        GuardedBuffer<float> zr = r.Packed(0, 2), n = r.Packed(2, 1), gates(steps * batch * 3 * hidden);
        GuardedBuffer<float> h0(batch * hidden), bias(hidden);
        gates.FillRandom(random);
        h0.FillRandom(random);
        bias.FillRandom(random);
        for (Isa isa : RunnableIsas()) {
          GuardedBuffer<float> out(steps * batch * hidden), h(batch * hidden);
          Choice choice;
          ASSERT_TRUE(gru::Choose(isa, p, &choice).ok());
          const Operand none{nullptr, 0};
          const std::vector<Operand> operands{ToOperand(out),
                                              ToOperand(h),
                                              ToOperand(gates),
                                              with_state ? ToOperand(h0) : none,
                                              ToOperand(zr),
                                              ToOperand(n),
                                              linear != 0 ? ToOperand(bias) : none};
          RunRow(choice, p, operands);
          ExpectRefusesSmallerOperands(choice, p, operands);
          ASSERT_FALSE(HasFailure());
          for (int64_t b = 0; b < batch; ++b) {
            std::vector<double> state(static_cast<size_t>(hidden), 0), next = state;
            for (int64_t j = 0; j < hidden && with_state; ++j)
              state[static_cast<size_t>(j)] = h0[b * hidden + j];
            for (int64_t i = 0; i < steps; ++i) {
              const int64_t t = reverse != 0 ? steps - 1 - i : i;
              const auto gate = [&](int64_t k, int64_t j) {
                return static_cast<double>(gates[(t * batch + b) * 3 * hidden + k * hidden + j]);
              };
              std::vector<double> reset = state, reset_state = state;
              for (int64_t j = 0; j < hidden; ++j) {
                reset[static_cast<size_t>(j)] = Sigmoid(gate(1, j) + r.Product(1, j, state));
                reset_state[static_cast<size_t>(j)] *= reset[static_cast<size_t>(j)];
              }
              for (int64_t j = 0; j < hidden; ++j) {
                const size_t at = static_cast<size_t>(j);
                const double z = Sigmoid(gate(0, j) + r.Product(0, j, state));
                const double candidate =
                    linear != 0 ? std::tanh(gate(2, j) + reset[at] * (r.Product(2, j, state) + bias[j]))
                                : std::tanh(gate(2, j) + r.Product(2, j, reset_state));
                next[at] = (1 - z) * candidate + z * state[at];
                ASSERT_NEAR(out[(t * batch + b) * hidden + j], next[at], 5e-6)
                    << choice.row->name << " " << hidden;
              }
              state = next;
            }
            for (int64_t j = 0; j < hidden; ++j)
              ASSERT_NEAR(h[b * hidden + j], state[static_cast<size_t>(j)], 5e-6);
          }
          ASSERT_TRUE(out.GuardsIntact() && h.GuardsIntact());
        }
      }
    }
  }
}

TEST(Lstm, RefusesHostileClaims) {
  const lstm::Params good{5, 2, 8, 0, 16, 8, 64, 32};
  Choice choice;
  ASSERT_TRUE(lstm::Choose(Isa::kPortable, good, &choice).ok());
  const uint64_t bytes[] = {320, 0, 64, 1280, 0, 0, 4 * 4 * 16 * 8};
  const auto with = [&](auto change) {
    lstm::Params params = good;
    change(params);
    return lstm::Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, choice.scratch_bytes});
  };
  EXPECT_EQ(with([](auto&) {}), nullptr);
  EXPECT_NE(with([](auto& p) { p.hidden = 0; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.hidden = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.hidden = 9; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.steps = 6; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.batch = 3; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.gates_step_stride = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.out_batch_stride = -8; }), nullptr);
}

TEST(Gru, RefusesHostileClaims) {
  const gru::Params good{5, 2, 8, 0, 1, 16, 8, 48, 24};
  Choice choice;
  ASSERT_TRUE(gru::Choose(Isa::kPortable, good, &choice).ok());
  const uint64_t bytes[] = {320, 64, 960, 64, 4 * 2 * 16 * 8, 4 * 16 * 8, 32};
  const auto with = [&](auto change) {
    gru::Params params = good;
    change(params);
    return gru::Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, choice.scratch_bytes});
  };
  EXPECT_EQ(with([](auto&) {}), nullptr);
  EXPECT_NE(with([](auto& p) { p.hidden = 16; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.hidden = -1; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.steps = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.gates_batch_stride = INT64_MIN; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels
