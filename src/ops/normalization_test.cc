// Normalizations, quantization, recurrent operators, transforms.
#include <gmock/gmock.h>

#include <cmath>

#include "ops/reference_test_common.h"

namespace whet::ops {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

const TestTensor kAbsent{{}, {}, DType::kUndefined};
TestTensor Floats(Shape shape, std::vector<double> values) { return {shape, std::move(values), DType::kF32}; }

TEST(LayerNormalization, OverTheLastDimensions) {
  const auto y =
      RunOp("LayerNormalization", {Floats({2, 2}, {1, 3, 2, 2}), Floats({2}, {1, 2}), Floats({2}, {0, 1})},
            {{"epsilon", 0.0000001}}, 3);
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-5), {-1.0, 3.0, 0.0, 1.0}));
  EXPECT_THAT(y[1].values, ElementsAre(2, 2));
}

TEST(RMSNormalization, DividesByTheRootOfTheMeanSquare) {
  const auto y =
      RunOp("RMSNormalization", {Floats({1, 2}, {3, 4}), Floats({2}, {1, 10})}, {{"epsilon", 0.0}});
  const double root = std::sqrt(12.5);
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-5), {3 / root, 40 / root}));
}

TEST(GroupNormalization, GroupsOfChannelsLast) {
  // One pixel of four channels in two groups.
  const auto y =
      RunOp("GroupNormalization",
            {Floats({1, 1, 4}, {1, 3, 10, 30}), Floats({4}, {1, 1, 1, 2}), Floats({4}, {0, 0, 5, 0})},
            {{"num_groups", int64_t{2}}, {"epsilon", 0.0}});
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-5), {-1.0, 1.0, 4.0, 2.0}));
}

TEST(LRN, WindowsOfEvenSizeLeanForward) {
  const auto y = RunOp("LRN", {Floats({1, 3}, {1, 2, 3})},
                       {{"size", int64_t{2}}, {"alpha", 2.0}, {"beta", 1.0}, {"bias", 1.0}});
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-6), {1.0 / 6, 2.0 / 14, 3.0 / 10}));
}

TEST(QuantizeLinear, RoundsTiesToEvenAndSaturates) {
  const auto y =
      RunOp("QuantizeLinear", {Floats({5}, {1, 3, 5, 1000, -1000}), Floats({}, {2}), {{}, {10}, DType::kU8}});
  EXPECT_EQ(y[0].dtype, DType::kU8);
  EXPECT_THAT(y[0].values, ElementsAre(10, 12, 12, 255, 0));
}

TEST(QuantizeLinear, BlocksAlongAnAxis) {
  const Attributes blocks = {{"axis", int64_t{1}}, {"block_size", int64_t{2}}};
  const TestTensor scale = Floats({1, 2}, {1, 0.5});
  const TestTensor zero{{1, 2}, {0, 1}, DType::kI4};
  const auto q = RunOp("QuantizeLinear", {Floats({1, 3}, {1, 2, 3}), scale, zero}, blocks);
  EXPECT_EQ(q[0].dtype, DType::kI4);
  EXPECT_THAT(q[0].values, ElementsAre(1, 2, 7));
  EXPECT_THAT(RunOp("DequantizeLinear", {q[0], scale, zero}, blocks)[0].values, ElementsAre(1, 2, 3));
}

TEST(DequantizeLinear, ByAxis) {
  const auto y = RunOp("DequantizeLinear", {{{2, 2}, {1, 2, 3, 4}, DType::kI8}, Floats({2}, {1, 10})},
                       {{"axis", int64_t{0}}});
  EXPECT_THAT(y[0].values, ElementsAre(1, 2, 30, 40));
}

TEST(LSTM, StepsBackwardsWhenReversed) {
  // Only the cell gate has weights: c = sigmoid(0) * c + sigmoid(0) * tanh(x).
  const TestTensor x = Floats({2, 1, 1}, {1, 2});
  const TestTensor w = Floats({1, 4, 1}, {0, 0, 0, 1}), r = Floats({1, 4, 1}, {0, 0, 0, 0});
  const auto last = [&](const char* direction) {
    return RunOp("LSTM", {x, w, r}, {{"direction", std::string(direction)}, {"hidden_size", int64_t{1}}},
                 3)[2]
        .values[0];
  };
  EXPECT_NEAR(last("forward"), 0.25 * std::tanh(1) + 0.5 * std::tanh(2), 1e-6);
  EXPECT_NEAR(last("reverse"), 0.25 * std::tanh(2) + 0.5 * std::tanh(1), 1e-6);
}

TEST(LSTM, SequencesMayBeShorter) {
  const auto y = RunOp("LSTM",
                       {Floats({2, 1, 1}, {1, 2}),
                        Floats({1, 4, 1}, {0, 0, 0, 1}),
                        Floats({1, 4, 1}, {0, 0, 0, 0}),
                        kAbsent,
                        {{1}, {1}, DType::kI32}},
                       {}, 3);
  EXPECT_NE(y[0].values[0], 0);
  EXPECT_EQ(y[0].values[1], 0);
  EXPECT_NEAR(y[2].values[0], 0.5 * std::tanh(1), 1e-6);
}

TEST(GRU, ResetBeforeOrAfterTheProduct) {
  // Reset is sigmoid(0) = 1/2 and update 1/2; the hidden gate sees 2 * h, or with a recurrent bias 2 * h + 4.
  const TestTensor x = Floats({1, 1, 1}, {0}), w = Floats({1, 3, 1}, {0, 0, 0}),
                   r = Floats({1, 3, 1}, {0, 0, 2});
  const TestTensor b = Floats({1, 6}, {0, 0, 0, 0, 0, 4}), h = Floats({1, 1, 1}, {1});
  const auto run = [&](int64_t first) {
    return RunOp("GRU", {x, w, r, b, kAbsent, h}, {{"linear_before_reset", first}}, 2)[1].values[0];
  };
  EXPECT_NEAR(run(0), 0.5 * std::tanh(1 + 4) + 0.5, 1e-6);
  EXPECT_NEAR(run(1), 0.5 * std::tanh(0.5 * (2 + 4)) + 0.5, 1e-6);
}

TEST(DFT, OneSideAndBack) {
  const TestTensor x = Floats({1, 4, 1}, {1, 2, 3, 5});
  const auto side = RunOp("DFT", {x}, {{"onesided", int64_t{1}}});
  EXPECT_EQ(side[0].shape, (Shape{1, 3, 2}));
  EXPECT_THAT(side[0].values, Pointwise(DoubleNear(1e-5), {11.0, 0.0, -2.0, 3.0, -3.0, 0.0}));
  const auto back = RunOp("DFT", side, {{"onesided", int64_t{1}}, {"inverse", int64_t{1}}});
  EXPECT_EQ(back[0].shape, x.shape);
  EXPECT_THAT(back[0].values, Pointwise(DoubleNear(1e-5), x.values));
}

TEST(Einsum, DiagonalsBatchesAndSums) {
  const TestTensor m = Floats({2, 2}, {1, 2, 3, 4});
  const auto run = [](const char* equation, const std::vector<TestTensor>& inputs) {
    return RunOp("Einsum", inputs, {{"equation", std::string(equation)}})[0].values;
  };
  EXPECT_THAT(run("ii->i", {m}), ElementsAre(1, 4));
  EXPECT_THAT(run("ij,jk", {m, m}), ElementsAre(7, 10, 15, 22));
  EXPECT_THAT(run("...j->...", {m}), ElementsAre(3, 7));
}

TEST(NegativeLogLikelihoodLoss, IgnoredTargetsDoNotCount) {
  const auto y =
      RunOp("NegativeLogLikelihoodLoss",
            {Floats({3, 2}, {-1, -2, -3, -4, -5, -6}), {{3}, {0, 1, 0}, DType::kI64}, Floats({2}, {1, 3})},
            {{"ignore_index", int64_t{1}}});
  EXPECT_THAT(y[0].values, ElementsAre(3));
}

}  // namespace
}  // namespace whet::ops
