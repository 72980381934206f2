#include "kernels/softmax/softmax.h"

#include <algorithm>
#include <cmath>

#include "kernels/testing.h"

namespace whet::kernels::softmax {
namespace {

void Check(Params p, bool in_place, float range, std::mt19937& random) {
  const int64_t elements = (p.outer - 1) * p.outer_stride + (p.axis - 1) * p.axis_stride + p.inner;
  GuardedBuffer<float> in(elements);
  in.FillRandom(random, -range, range);
  for (Isa isa : RunnableIsas()) {
    GuardedBuffer<float> out(elements);
    std::copy_n(in.data(), elements, out.data());
    Choice choice;
    ASSERT_TRUE(Choose(isa, &p, &choice).ok());
    const std::vector<Operand> operands{ToOperand(out), ToOperand(in_place ? out : in)};
    RunRow(choice, p, operands);
    ASSERT_FALSE(testing::Test::HasFailure());
    ExpectRefusesSmallerOperands(choice, p, operands);
    for (int64_t o = 0; o < p.outer; ++o) {
      for (int64_t i = 0; i < p.inner; ++i) {
        const int64_t at = o * p.outer_stride + i;
        double largest = -INFINITY, sum = 0;
        for (int64_t a = 0; a < p.axis; ++a) {
          largest = std::max(largest, static_cast<double>(p.scale) * in[at + a * p.axis_stride]);
        }
        for (int64_t a = 0; a < p.axis; ++a) {
          sum += std::exp(static_cast<double>(p.scale) * in[at + a * p.axis_stride] - largest);
        }
        for (int64_t a = 0; a < p.axis; ++a) {
          const double x = static_cast<double>(p.scale) * in[at + a * p.axis_stride] - largest;
          const double want = p.logarithm != 0 ? x - std::log(sum) : std::exp(x) / sum;
          ASSERT_NEAR(out[at + a * p.axis_stride], want,
                      2e-6 * std::max(std::abs(want), range < 10 ? 0.1 : 10.0))
              << choice.row->name;
        }
      }
    }
    ASSERT_TRUE(out.GuardsIntact());
  }
}

TEST(Softmax, RowsAndColumns) {
  std::mt19937 random(1);
  for (int32_t logarithm : {0, 1}) {
    for (int64_t axis : {1, 2, 7, 16, 33, 100, 1000}) {
      Check({logarithm, 1.0f, 5, axis, 1, axis, 1, 0}, false, 5, random);
      Check({logarithm, 0.125f, 3, axis, 1, axis + 4, 1, 0}, true, 100, random);
      Check({logarithm, 1.0f, 37, axis, 1, axis, 1, 0}, true, 5, random);
      for (int64_t inner : {2, 16, 19, 70}) {
        Check({logarithm, 1.0f, 2, axis, inner, axis * inner, inner, 0}, inner == 19, 5, random);
      }
    }
  }
}

TEST(Softmax, WhatIsNotFinite) {
  for (Isa isa : RunnableIsas()) {
    GuardedBuffer<float> in(3 * 20), out(3 * 20);
    std::ranges::fill(in.span(), 1.0f);
    in[3] = -INFINITY;
    in[25] = NAN;
    for (int i = 40; i < 60; ++i) in[i] = 3e38f;
    Params p{0, 1.0f, 3, 20, 1, 20, 1, 0};
    Choice choice;
    ASSERT_TRUE(Choose(isa, &p, &choice).ok());
    RunRow(choice, p, {ToOperand(out), ToOperand(in)});
    EXPECT_EQ(out[3], 0.0f);
    EXPECT_FLOAT_EQ(out[4], 1.0f / 19);
    for (int i = 20; i < 40; ++i) EXPECT_TRUE(std::isnan(out[i])) << i;
    EXPECT_FLOAT_EQ(out[59], 0.05f);
  }
}

TEST(Softmax, RefusesHostileClaims) {
  Params good{0, 1.0f, 4, 5, 6, 30, 6, 0};
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {480, 480};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.logarithm = 2; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.outer = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.axis = 6; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.inner = 1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.axis_stride = -6; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.inner_block = 0; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::softmax
