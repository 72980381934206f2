#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "ops/reference_test_common.h"

namespace whet::ops {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TestTensor Vector(std::vector<double> values, DType dtype = DType::kF32) {
  const auto size = static_cast<int64_t>(values.size());
  return {{size}, std::move(values), dtype};
}

TEST(Elementwise, IntegersWrapAndDivideTowardsZero) {
  const auto quotient =
      RunOp("Div", {Vector({7, -7, 5, -128}, DType::kI8), Vector({2, 2, 0, -1}, DType::kI8)});
  EXPECT_THAT(quotient[0].values, ElementsAre(3, -3, 0, -128));
  const auto product = RunOp("Mul", {Vector({100, 3}, DType::kU8), Vector({3, 4}, DType::kU8)});
  EXPECT_THAT(product[0].values, ElementsAre(44, 12));
}

TEST(Elementwise, LargeUnsignedNumbersAreNotNegative) {
  const double large = 0x1p63;
  const auto a = Vector({large, 1}, DType::kU64);
  const auto b = Vector({1, large}, DType::kU64);
  EXPECT_THAT(RunOp("Greater", {a, b})[0].values, ElementsAre(1, 0));
  EXPECT_THAT(RunOp("Max", {a, b})[0].values, ElementsAre(large, large));
  EXPECT_THAT(RunOp("Min", {a, b})[0].values, ElementsAre(1, 1));
  EXPECT_THAT(RunOp("Div", {a, Vector({2, 2}, DType::kU64)})[0].values, ElementsAre(large / 2, 0));
  EXPECT_THAT(RunOp("ReduceMax", {a})[0].values, ElementsAre(large));
  EXPECT_THAT(RunOp("Abs", {a})[0].values, ElementsAre(large, 1));
  EXPECT_THAT(RunOp("Clip", {a, {{}, {2}, DType::kU64}, {{}, {9}, DType::kU64}})[0].values,
              ElementsAre(9, 2));
}

TEST(Elementwise, NanWinsInMaxAndMin) {
  for (const char* op : {"Max", "Min"}) {
    const auto y = RunOp(op, {Vector({kNan, 1, 2}), Vector({1, kNan, 3})});
    EXPECT_TRUE(std::isnan(y[0].values[0])) << op;
    EXPECT_TRUE(std::isnan(y[0].values[1])) << op;
    EXPECT_FALSE(std::isnan(y[0].values[2])) << op;
  }
}

TEST(Elementwise, ModHasTheSignOfTheDivisorOrOfTheDividend) {
  const auto a = Vector({-4, 7, 5, 4, -7, 8}, DType::kI32);
  const auto b = Vector({2, -3, 8, -2, 3, 5}, DType::kI32);
  EXPECT_THAT(RunOp("Mod", {a, b})[0].values, ElementsAre(0, -2, 5, 0, 2, 3));
  EXPECT_THAT(RunOp("Mod", {a, b}, {{"fmod", int64_t{1}}})[0].values, ElementsAre(0, 1, 5, 0, -1, 3));
}

TEST(Elementwise, PowMixesTypes) {
  const auto y = RunOp("Pow", {Vector({2, -3, 1}, DType::kI32), Vector({-1, 3, -5}, DType::kI64)});
  EXPECT_EQ(y[0].dtype, DType::kI32);
  EXPECT_THAT(y[0].values, ElementsAre(0, -27, 1));
  EXPECT_THAT(RunOp("Pow", {Vector({9}, DType::kI32), Vector({0.5})})[0].values, ElementsAre(3));
}

TEST(Elementwise, ActivationsDoNotOverflow) {
  const auto x = Vector({-1000, 0, 1000});
  EXPECT_THAT(RunOp("Softplus", {x})[0].values,
              Pointwise(DoubleNear(1e-6), std::vector<double>{0, std::log(2.0), 1000}));
  EXPECT_THAT(RunOp("Mish", {x})[0].values, ElementsAre(0, 0, 1000));
  EXPECT_THAT(RunOp("Sigmoid", {x})[0].values, ElementsAre(0, 0.5, 1));
  EXPECT_THAT(RunOp("Silu", {x})[0].values, ElementsAre(0, 0, 1000));
  EXPECT_THAT(RunOp("Gelu", {x})[0].values, ElementsAre(0, 0, 1000));
}

TEST(Elementwise, IsInfSeesTheSignsItIsAskedFor) {
  const auto x = Vector({-kInfinity, kInfinity, kNan, 1});
  EXPECT_THAT(RunOp("IsInf", {x})[0].values, ElementsAre(1, 1, 0, 0));
  EXPECT_THAT(RunOp("IsInf", {x}, {{"detect_negative", int64_t{0}}})[0].values, ElementsAre(0, 1, 0, 0));
}

TEST(Cast, BetweenKindsOfTypes) {
  const auto cast = [](const TestTensor& x, int64_t to) {
    return RunOp("Cast", {x}, {{"to", to}})[0].values;
  };
  EXPECT_THAT(cast(Vector({-1.5, 1.5, 300, kNan}), 6), ElementsAre(-1, 1, 300, 0));     // i32
  EXPECT_THAT(cast(Vector({0.25, 0, -1}), 9), ElementsAre(1, 0, 1));                    // bool
  EXPECT_THAT(cast(Vector({-1, 256}, DType::kI32), 2), ElementsAre(255, 0));            // u8 wraps
  EXPECT_THAT(cast(Vector({-9, 2.5, 3.5, 100}), 22), ElementsAre(-8, 2, 4, 7));         // i4 saturates
  EXPECT_THAT(cast(Vector({-8, 7}, DType::kI4), 1), ElementsAre(-8, 7));                // from i4
  EXPECT_THAT(cast(Vector({65504, 1e6, 1e-8}), 10), ElementsAre(65504, kInfinity, 0));  // f16
}

TEST(Reduce, WithoutAxesAndWithoutElements) {
  const TestTensor x{{2, 2}, {1, -2, 3, -4}};
  EXPECT_THAT(RunOp("ReduceSum", {x}, {{"keepdims", int64_t{0}}})[0].values, ElementsAre(-2));
  const Attributes noop = {{"noop_with_empty_axes", int64_t{1}}};
  EXPECT_THAT(RunOp("ReduceSum", {x}, noop)[0].values, ElementsAre(1, -2, 3, -4));
  EXPECT_THAT(RunOp("ReduceSumSquare", {x}, noop)[0].values, ElementsAre(1, 4, 9, 16));
  const TestTensor none{{2, 0}, {}};
  const TestTensor axis{{1}, {1}, DType::kI64};
  EXPECT_THAT(RunOp("ReduceProd", {none, axis})[0].values, ElementsAre(1, 1));
  EXPECT_THAT(RunOp("ReduceMax", {none, axis})[0].values, ElementsAre(-kInfinity, -kInfinity));
  EXPECT_THAT(RunOp("ReduceLogSumExp", {none, axis})[0].values, ElementsAre(-kInfinity, -kInfinity));
  const TestTensor ints{{2, 0}, {}, DType::kI8};
  EXPECT_THAT(RunOp("ReduceMin", {ints, axis})[0].values, ElementsAre(127, 127));
}

TEST(Reduce, LogSumExpDoesNotOverflow) {
  EXPECT_THAT(RunOp("ReduceLogSumExp", {Vector({1000, 1000})})[0].values,
              Pointwise(DoubleNear(1e-3), std::vector<double>{1000 + std::log(2.0)}));
}

}  // namespace
}  // namespace whet::ops
