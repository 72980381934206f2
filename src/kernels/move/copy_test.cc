#include "kernels/move/copy.h"

#include <algorithm>
#include <numeric>

#include "kernels/testing.h"

namespace whet::kernels::copy {
namespace {

using Dims = std::vector<int64_t>;

Dims DenseStrides(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t d = dims.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= dims[d];
  }
  return strides;
}

// The first and the last element that a view reaches, from its origin.
std::pair<int64_t, int64_t> Reach(const Dims& dims, const Dims& strides) {
  std::pair<int64_t, int64_t> reach{0, 0};
  for (size_t d = 0; d < dims.size(); ++d) {
    (strides[d] < 0 ? reach.first : reach.second) += (dims[d] - 1) * strides[d];
  }
  return reach;
}

template <typename T>
void Check(const Dims& dims, const Dims& dst_strides, const Dims& src_strides, std::mt19937& random) {
  const auto dst_reach = Reach(dims, dst_strides), src_reach = Reach(dims, src_strides);
  const int64_t src_offset = -src_reach.first;
  GuardedBuffer<T> src(src_reach.second - src_reach.first + 1);
  for (T& x : src.span()) x = static_cast<T>(random() | (uint64_t{random()} << 32));
  for (Isa isa : RunnableIsas()) {
    GuardedBuffer<T> dst(dst_reach.second + 1);
    std::ranges::fill(dst.span(), T{77});
    std::vector<T> want(dst.data(), dst.data() + dst.size());
    Params params;
    Choice choice;
    const Status status =
        Choose(isa, sizeof(T), dims, dst_strides, src_strides, src_offset, &params, &choice);
    ASSERT_TRUE(status.ok()) << status.ToString();
    RunRow(choice, params, {ToOperand(dst), ToOperand(src)});
    ASSERT_FALSE(testing::Test::HasFailure());
    ExpectRefusesSmallerOperands(choice, params, {ToOperand(dst), ToOperand(src)});
    Dims index(dims.size(), 0);
    for (bool more = true; more;) {
      int64_t to = 0, from = src_offset;
      for (size_t d = 0; d < dims.size(); ++d) {
        to += index[d] * dst_strides[d];
        from += index[d] * src_strides[d];
      }
      want[static_cast<size_t>(to)] = src[from];
      more = false;
      for (size_t d = dims.size(); d-- > 0 && !more;) {
        more = ++index[d] < dims[d];
        if (!more) index[d] = 0;
      }
    }
    ASSERT_TRUE(std::equal(want.begin(), want.end(), dst.data()))
        << choice.row->name << " with " << sizeof(T) << " bytes";
    ASSERT_TRUE(dst.GuardsIntact());
  }
}

void CheckAllSizes(const Dims& dims, const Dims& dst_strides, const Dims& src_strides, std::mt19937& random) {
  Check<uint8_t>(dims, dst_strides, src_strides, random);
  Check<uint16_t>(dims, dst_strides, src_strides, random);
  Check<uint32_t>(dims, dst_strides, src_strides, random);
  Check<uint64_t>(dims, dst_strides, src_strides, random);
}

Dims Permuted(const Dims& values, const std::vector<size_t>& order) {
  Dims permuted;
  for (size_t i : order) permuted.push_back(values[i]);
  return permuted;
}

TEST(Copy, ImageLayouts) {
  std::mt19937 random(1);
  for (int64_t channels : {1, 2, 3, 4, 5, 8, 17, 64, 100}) {
    const Dims nchw{2, channels, 13, 19}, nhwc{2, 13, 19, channels};
    CheckAllSizes(nhwc, DenseStrides(nhwc), Permuted(DenseStrides(nchw), {0, 2, 3, 1}), random);
    CheckAllSizes(nchw, DenseStrides(nchw), Permuted(DenseStrides(nhwc), {0, 3, 1, 2}), random);
  }
  const Dims matrix{300, 210};
  CheckAllSizes(matrix, DenseStrides(matrix), {1, 300}, random);
}

TEST(Copy, RandomTransposesSlicesAndRepeats) {
  std::mt19937 random(2);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int round = 0; round < 1500; ++round) {
    const size_t rank = static_cast<size_t>(below(6));
    Dims dims;
    for (size_t d = 0; d < rank; ++d) dims.push_back(1 + below(rank > 3 ? 7 : 30));
    std::vector<size_t> order(rank);
    std::iota(order.begin(), order.end(), size_t{0});
    Dims strides[2] = {Dims(rank), Dims(rank)};
    for (Dims& side : strides) {
      std::shuffle(order.begin(), order.end(), random);
      int64_t stride = below(6) == 0 ? 2 : 1;
      for (size_t d : order) {
        const int64_t kind = &side == &strides[1] ? below(8) : 7;
        side[d] = kind == 0 ? 0 : kind == 1 ? -stride : stride;
        if (kind != 0) stride = stride * dims[d] + (below(5) == 0 ? below(9) : 0);
      }
    }
    CheckAllSizes(dims, strides[0], strides[1], random);
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

TEST(Copy, LongAndEmptyRows) {
  std::mt19937 random(3);
  Check<uint32_t>({100003}, {1}, {1}, random);
  Check<uint8_t>({70, 1000}, {1100, 1}, {1000, 1}, random);
  Params params;
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, 4, Dims{5, 0}, Dims{0, 1}, Dims{0, 1}, 0, &params, &choice).ok());
  EXPECT_EQ(choice.units, 0);
  EXPECT_FALSE(Choose(Isa::kPortable, 3, Dims{5}, Dims{1}, Dims{1}, 0, &params, &choice).ok());
}

TEST(Copy, RefusesHostileClaims) {
  Params good;
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, 4, Dims{20, 30}, Dims{30, 1}, Dims{1, 20}, 0, &good, &choice).ok());
  const uint64_t bytes[] = {2400, 2400};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.element_bytes = 16; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.dims = 9; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.src_offset = -1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.src_offset = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.size[0] = -3; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.size[0] = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.dst_stride[0] = INT64_MIN; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.block_columns = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.block_rows = 1; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::copy
