#include <gmock/gmock.h>

#include "ops/reference_test_common.h"

namespace whet::ops {
namespace {

using testing::ElementsAre;

TEST(Conv, SumsNeighboursOfAllChannels) {
  // 3x3 pixels of 2 channels; the kernel of ones sums a 2x2 window.
  std::vector<double> x;
  for (int i = 0; i < 9; ++i) x.insert(x.end(), {static_cast<double>(i), 10.0 * i});
  const auto y = RunOp("Conv", {{{1, 3, 3, 2}, x}, {{1, 2, 2, 2}, std::vector<double>(8, 1)}, {{1}, {0.5}}});
  EXPECT_EQ(y[0].shape, (Shape{1, 2, 2, 1}));
  EXPECT_THAT(y[0].values, ElementsAre(88.5, 132.5, 220.5, 264.5));
}

TEST(Conv, DepthwiseWithPaddingAndActivation) {
  const auto y = RunOp(
      "Conv", {{{1, 2, 2}, {1, -2, 3, -4}}, {{2, 3, 1}, {1, 1, 1, 1, 0, 0}}},
      {{"pads", std::vector<int64_t>{1, 1}}, {"group", int64_t{2}}, {"activation", std::string("relu")}});
  EXPECT_EQ(y[0].shape, (Shape{1, 2, 2}));
  EXPECT_THAT(y[0].values, ElementsAre(4, 0, 4, 0));
}

TEST(Conv, SamePaddingIsResolvedWhenTheShapeIsKnown) {
  const auto y = RunOp("Conv", {{{1, 4, 1}, {1, 2, 3, 4}}, {{1, 2, 1}, {1, 10}}},
                       {{"auto_pad", std::string("SAME_UPPER")}});
  EXPECT_THAT(y[0].values, ElementsAre(21, 32, 43, 4));
}

TEST(ConvTranspose, SpreadsEveryPixel) {
  const auto y = RunOp("ConvTranspose", {{{1, 2, 1}, {1, 2}}, {{1, 3, 1}, {1, 10, 100}}},
                       {{"strides", std::vector<int64_t>{2}}});
  EXPECT_EQ(y[0].shape, (Shape{1, 5, 1}));
  EXPECT_THAT(y[0].values, ElementsAre(1, 10, 102, 20, 200));
}

TEST(MatMul, BroadcastsStacksAndTransposes) {
  const auto y = RunOp("MatMul", {{{2, 1, 2}, {1, 2, 3, 4}}, {{3, 2}, {1, 0, 0, 1, 1, 1}}, {{3}, {0, 0, 10}}},
                       {{"transpose_b", int64_t{1}}});
  EXPECT_EQ(y[0].shape, (Shape{2, 1, 3}));
  EXPECT_THAT(y[0].values, ElementsAre(1, 2, 13, 3, 4, 17));
}

TEST(MaxPool, IndicesCountChannelsFirst) {
  const auto y = RunOp("MaxPool", {{{1, 2, 2, 2}, {1, 8, 2, 7, 3, 6, 4, 5}}},
                       {{"kernel_shape", std::vector<int64_t>{2, 2}}}, 2);
  EXPECT_THAT(y[0].values, ElementsAre(4, 8));
  EXPECT_THAT(y[1].values, ElementsAre(3, 4));
}

TEST(AveragePool, CountsPaddingOnlyWhenAsked) {
  const TestTensor x{{1, 2, 1}, {2, 4}};
  const Attributes base = {{"kernel_shape", std::vector<int64_t>{2}}, {"pads", std::vector<int64_t>{1, 1}}};
  Attributes include = base;
  include.Set("count_include_pad", int64_t{1});
  EXPECT_THAT(RunOp("AveragePool", {x}, base)[0].values, ElementsAre(2, 3, 4));
  EXPECT_THAT(RunOp("AveragePool", {x}, include)[0].values, ElementsAre(1, 3, 2));
}

}  // namespace
}  // namespace whet::ops
