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

// One head, queries 0, so that every visible key has the same weight.
TEST(Attention, CausalQueriesSeeNoLaterKeys) {
  const auto y = RunOp(
      "Attention",
      {Floats({1, 1, 3, 1}, {0, 0, 0}), Floats({1, 1, 3, 1}, {1, 2, 3}), Floats({1, 1, 3, 1}, {3, 6, 12})},
      {{"is_causal", int64_t{1}}});
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-6), {3.0, 4.5, 7.0}));
}

TEST(Attention, CausalFrontierMovesWithThePast) {
  const auto y = RunOp("Attention",
                       {Floats({1, 1, 1, 1}, {0}), Floats({1, 1, 1, 1}, {1}), Floats({1, 1, 1, 1}, {9}),
                        kAbsent, Floats({1, 1, 2, 1}, {1, 1}), Floats({1, 1, 2, 1}, {3, 6})},
                       {{"is_causal", int64_t{1}}}, 3);
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-6), {6.0}));
  EXPECT_THAT(y[1].values, ElementsAre(1, 1, 1));
  EXPECT_THAT(y[2].values, ElementsAre(3, 6, 9));
}

TEST(Attention, MaskedRowsGiveZero) {
  const auto y = RunOp("Attention", {Floats({1, 1, 2, 1}, {1, 1}),
                                     Floats({1, 1, 2, 1}, {1, 2}),
                                     Floats({1, 1, 2, 1}, {5, 7}),
                                     {{2, 2}, {0, 0, 0, 1}, DType::kBool}});
  EXPECT_THAT(y[0].values, ElementsAre(0, 7));
}

TEST(Attention, GroupsOfQueryHeadsShareAKeyHead) {
  // Two query heads, interleaved in the last dimension, and one head of keys.
  const auto y =
      RunOp("Attention", {Floats({1, 1, 2}, {0, 100}), Floats({1, 2, 1}, {0, 1}), Floats({1, 2, 1}, {2, 4})},
            {{"q_num_heads", int64_t{2}}, {"kv_num_heads", int64_t{1}}});
  EXPECT_EQ(y[0].shape, (Shape{1, 1, 2}));
  EXPECT_THAT(y[0].values, Pointwise(DoubleNear(1e-6), {3.0, 4.0}));
}

TEST(Attention, ScoresAreShownAsAsked) {
  const auto scores = [](int64_t mode) {
    return RunOp("Attention",
                 {Floats({1, 1, 1, 1}, {2}), Floats({1, 1, 1, 1}, {3}), Floats({1, 1, 1, 1}, {1}),
                  Floats({1, 1}, {0.5})},
                 {{"softcap", 4.0}, {"qk_matmul_output_mode", mode}}, 4)[3]
        .values[0];
  };
  const double capped = 4 * std::tanh(1.5);
  EXPECT_NEAR(scores(0), 6, 1e-6);
  EXPECT_NEAR(scores(1), capped, 1e-6);
  EXPECT_NEAR(scores(2), capped + 0.5, 1e-6);
  EXPECT_NEAR(scores(3), 1, 1e-6);
}

TEST(RotaryEmbedding, RotatesHalvesOrNeighbours) {
  // A quarter turn at position 1.
  const TestTensor x = Floats({1, 1, 1, 4}, {1, 2, 3, 4});
  const TestTensor cosine = Floats({2, 2}, {1, 1, 0, 0}), sine = Floats({2, 2}, {0, 0, 1, 1});
  const TestTensor position{{1, 1}, {1}, DType::kI64};
  EXPECT_THAT(RunOp("RotaryEmbedding", {x, cosine, sine, position})[0].values, ElementsAre(-3, -4, 1, 2));
  EXPECT_THAT(RunOp("RotaryEmbedding", {x, cosine, sine, position}, {{"interleaved", int64_t{1}}})[0].values,
              ElementsAre(-2, 1, -4, 3));
}

}  // namespace
}  // namespace whet::ops
