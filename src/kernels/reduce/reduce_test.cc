#include "kernels/reduce/reduce.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/testing.h"

namespace whet::kernels::reduce {
namespace {

using Dims = std::vector<int64_t>;

double Expected(Op op, const std::vector<double>& x) {
  double sum = 0, product = 1, absolute = 0, squares = 0, largest = -INFINITY, smallest = INFINITY,
         exponentials = 0;
  for (double v : x) {
    sum += v;
    product *= v;
    absolute += std::abs(v);
    squares += v * v;
    largest = std::max(largest, v);
    smallest = std::min(smallest, v);
    exponentials += std::exp(v);
  }
  switch (op) {
    case Op::kSum: return sum;
    case Op::kMean: return sum / static_cast<double>(x.size());
    case Op::kMax: return largest;
    case Op::kMin: return smallest;
    case Op::kProd: return product;
    case Op::kL1: return absolute;
    case Op::kL2: return std::sqrt(squares);
    case Op::kSumSquare: return squares;
    case Op::kLogSum: return std::log(sum);
    case Op::kLogSumExp: return std::log(exponentials);
  }
  return NAN;
}

void Check(Op op, const Dims& dims, const Dims& strides, const std::vector<bool>& reduced,
           std::mt19937& random) {
  int64_t last = 0, outputs = 1, terms = 1;
  for (size_t d = 0; d < dims.size(); ++d) {
    last += (dims[d] - 1) * strides[d];
    (reduced[d] ? terms : outputs) *= dims[d];
  }
  GuardedBuffer<float> in(last + 1), out(outputs);
  in.FillRandom(random,
                op == Op::kLogSum ? 0.1f
                : op == Op::kProd ? -1.2f
                                  : -3.0f,
                op == Op::kProd ? 1.2f : 3.0f);
  std::vector<std::vector<double>> groups(static_cast<size_t>(outputs));
  Dims index(dims.size(), 0);
  for (bool more = true; more;) {
    int64_t from = 0, to = 0;
    for (size_t d = 0; d < dims.size(); ++d) {
      from += index[d] * strides[d];
      if (!reduced[d]) to = to * dims[d] + index[d];
    }
    groups[static_cast<size_t>(to)].push_back(in[from]);
    more = false;
    for (size_t d = dims.size(); d-- > 0 && !more;) {
      more = ++index[d] < dims[d];
      if (!more) index[d] = 0;
    }
  }
  for (Isa isa : RunnableIsas()) {
    Params params;
    Choice choice;
    const Status status = Choose(isa, op, dims, strides, reduced, &params, &choice);
    ASSERT_TRUE(status.ok()) << status.ToString();
    std::ranges::fill(out.span(), 77.0f);
    RunRow(choice, params, {ToOperand(out), ToOperand(in)});
    ASSERT_FALSE(testing::Test::HasFailure());
    ExpectRefusesSmallerOperands(choice, params, {ToOperand(out), ToOperand(in)});
    for (int64_t i = 0; i < outputs; ++i) {
      const double want = Expected(op, groups[static_cast<size_t>(i)]);
      ASSERT_NEAR(out[i], want, 2e-6 * std::max({1.0, std::abs(want), std::sqrt(static_cast<double>(terms))}))
          << choice.row->name << " op " << static_cast<int>(op);
    }
    ASSERT_TRUE(out.GuardsIntact());
  }
}

TEST(Reduce, RandomAxesAndLayouts) {
  std::mt19937 random(1);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int round = 0; round < 2000; ++round) {
    const size_t rank = static_cast<size_t>(below(5));
    Dims dims, strides(rank);
    std::vector<bool> reduced;
    for (size_t d = 0; d < rank; ++d) {
      dims.push_back(1 + below(rank > 2 ? 11 : 140));
      reduced.push_back(below(2) == 0);
    }
    std::vector<size_t> order(rank);
    std::iota(order.begin(), order.end(), size_t{0});
    if (below(3) == 0) std::shuffle(order.begin(), order.end(), random);
    int64_t stride = below(8) == 0 ? 2 : 1;
    for (size_t d = rank; d-- > 0;) {
      strides[order[d]] = stride;
      stride = stride * dims[order[d]] + (below(5) == 0 ? below(9) : 0);
    }
    Check(static_cast<Op>(below(kOpCount)), dims, strides, reduced, random);
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST(Reduce, LongSumsStayAccurate) {
  std::mt19937 random(2);
  Check(Op::kSum, {100000}, {1}, {true}, random);
  Check(Op::kMean, {20000, 5}, {5, 1}, {true, false}, random);
}

TEST(Reduce, WhatIsNotFinite) {
  for (Isa isa : RunnableIsas()) {
    for (bool vertical : {false, true}) {
      // 40 outputs of 50 terms.
      const Dims dims{40, 50}, strides = vertical ? Dims{1, 40} : Dims{50, 1};
      for (float odd : {NAN, INFINITY, -INFINITY}) {
        GuardedBuffer<float> in(2000), out(40);
        std::ranges::fill(in.span(), 1.0f);
        in[7 * strides[0] + 3 * strides[1]] = odd;
        for (Op op : {Op::kMax, Op::kMin, Op::kSum, Op::kLogSumExp}) {
          Params params;
          Choice choice;
          ASSERT_TRUE(Choose(isa, op, dims, strides, {false, true}, &params, &choice).ok());
          RunRow(choice, params, {ToOperand(out), ToOperand(in)});
          const bool one = (op == Op::kMax && odd == -INFINITY) || (op == Op::kMin && odd == INFINITY);
          const bool gone = op == Op::kLogSumExp && odd == -INFINITY;
          const float want = one ? 1.0f : gone ? std::log(49 * std::exp(1.0f)) : odd;
          if (std::isnan(want)) {
            ASSERT_TRUE(std::isnan(out[7])) << choice.row->name << " op " << static_cast<int>(op);
          } else {
            ASSERT_FLOAT_EQ(out[7], want) << choice.row->name << " op " << static_cast<int>(op);
          }
          ASSERT_TRUE(std::isfinite(out[8]));
        }
      }
    }
  }
}

TEST(Reduce, RefusesHostileClaims) {
  Params good;
  Choice choice;
  ASSERT_TRUE(
      Choose(Isa::kPortable, Op::kSum, Dims{4, 5, 6}, Dims{30, 6, 1}, {false, true, false}, &good, &choice)
          .ok());
  const uint64_t bytes[] = {96, 480};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.op = static_cast<Op>(10); }), nullptr);
  EXPECT_NE(with([](Params& p) { p.kept_dims = 5; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.reduced_dims = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.horizontal = 1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.inner = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.inner_block = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.reduced_size[0] = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.reduced_stride[0] = -6; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.kept_size[0] = 5; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::reduce
