#include <algorithm>
#include <cmath>

#include "kernels/reduce/arg_reduce.h"
#include "kernels/reduce/cumulative_sum.h"
#include "kernels/testing.h"

namespace whet::kernels {
namespace {

template <typename Index>
void CheckArg(DType index_type, std::mt19937& random) {
  for (int64_t axis : {1, 2, 7, 16, 33, 100}) {
    for (int64_t inner : {1, 2, 16, 35, 70}) {
      for (int kind = 0; kind < 4; ++kind) {
        arg_reduce::Params p{kind & 1, kind >> 1, index_type, {}, 3, axis, inner, 0};
        GuardedBuffer<float> in(3 * axis * inner);
        // Few different values, so that there are ties, and NaN now and then.
        for (float& x : in.span()) x = random() % 50 == 0 ? NAN : static_cast<float>(random() % 6) - 3.0f;
        for (Isa isa : RunnableIsas()) {
          GuardedBuffer<Index> out(3 * inner);
          Choice choice;
          ASSERT_TRUE(arg_reduce::Choose(isa, &p, &choice).ok());
          RunRow(choice, p, {ToOperand(out), ToOperand(in)});
          ExpectRefusesSmallerOperands(choice, p, {ToOperand(out), ToOperand(in)});
          for (int64_t o = 0; o < 3; ++o) {
            for (int64_t c = 0; c < inner; ++c) {
              int64_t want = 0;
              for (int64_t a = 1; a < axis; ++a) {
                const float x = in[(o * axis + a) * inner + c], best = in[(o * axis + want) * inner + c];
                const bool better = p.smallest != 0 ? x < best : x > best;
                const bool equal = x == best || (std::isnan(x) && std::isnan(best));
                if (better || (std::isnan(x) && !std::isnan(best)) || (equal && p.last != 0)) want = a;
              }
              ASSERT_EQ(static_cast<int64_t>(out[o * inner + c]), want)
                  << choice.row->name << " axis " << axis << " inner " << inner << " kind " << kind;
            }
          }
          ASSERT_TRUE(out.GuardsIntact());
        }
      }
    }
  }
}

TEST(ArgReduce, RowsAndColumns) {
  std::mt19937 random(1);
  CheckArg<int64_t>(DType::kI64, random);
  CheckArg<int32_t>(DType::kI32, random);
}

TEST(ArgReduce, RefusesHostileClaims) {
  arg_reduce::Params good{0, 0, DType::kI64, {}, 3, 5, 7, 0};
  Choice choice;
  ASSERT_TRUE(arg_reduce::Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {168, 420};
  const auto with = [&](auto change) {
    arg_reduce::Params params = good;
    change(params);
    return arg_reduce::Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](auto&) {}), nullptr);
  EXPECT_NE(with([](auto& p) { p.last = 2; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.index_type = DType::kF32; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.axis = 0; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.axis = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.outer = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.inner_block = 0; }), nullptr);
}

TEST(CumulativeSum, AllKinds) {
  std::mt19937 random(2);
  for (int64_t inner : {1, 3, 64, 100}) {
    for (int kind = 0; kind < 4; ++kind) {
      cumulative_sum::Params p{kind & 1, kind >> 1, 2, 9, inner, 0};
      GuardedBuffer<float> in(2 * 9 * inner), out(2 * 9 * inner);
      in.FillRandom(random);
      Choice choice;
      ASSERT_TRUE(cumulative_sum::Choose(Isa::kPortable, &p, &choice).ok());
      RunRow(choice, p, {ToOperand(out), ToOperand(in)});
      ExpectRefusesSmallerOperands(choice, p, {ToOperand(out), ToOperand(in)});
      for (int64_t o = 0; o < 2; ++o) {
        for (int64_t c = 0; c < inner; ++c) {
          double sum = 0;
          for (int64_t i = 0; i < 9; ++i) {
            const int64_t at = (o * 9 + (p.reverse != 0 ? 8 - i : i)) * inner + c;
            if (p.exclusive == 0) sum += in[at];
            ASSERT_NEAR(out[at], sum, 1e-5);
            if (p.exclusive != 0) sum += in[at];
          }
        }
      }
      ASSERT_TRUE(out.GuardsIntact());
    }
  }
}

TEST(CumulativeSum, RefusesHostileClaims) {
  cumulative_sum::Params good{0, 0, 3, 5, 7, 0};
  Choice choice;
  ASSERT_TRUE(cumulative_sum::Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {420, 420};
  const auto with = [&](auto change) {
    cumulative_sum::Params params = good;
    change(params);
    return cumulative_sum::Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](auto&) {}), nullptr);
  EXPECT_NE(with([](auto& p) { p.reverse = 2; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.inner_block = 65; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.axis = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.outer = 4; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels
