#include "kernels/move/gather.h"

#include <algorithm>

#include "kernels/testing.h"

namespace whet::kernels::gather {
namespace {

template <typename Index>
void Check(DType index_type, int64_t outer, int64_t slices, int64_t count, int64_t inner,
           std::mt19937& random) {
  GuardedBuffer<uint8_t> data(outer * slices * inner), out(outer * count * inner);
  GuardedBuffer<Index> indices(count);
  for (uint8_t& x : data.span()) x = static_cast<uint8_t>(random());
  for (Index& i : indices.span()) {
    i = static_cast<Index>(static_cast<int64_t>(random() % static_cast<uint64_t>(2 * slices)) - slices);
  }
  Params params{index_type, {}, outer, slices, count, inner, slices * inner, inner, count * inner, inner, 0};
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &params, &choice).ok());
  RunRow(choice, params, {ToOperand(out), ToOperand(data), ToOperand(indices)});
  ASSERT_FALSE(testing::Test::HasFailure());
  ExpectRefusesSmallerOperands(choice, params, {ToOperand(out), ToOperand(data), ToOperand(indices)});
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t index = indices[i] < 0 ? indices[i] + slices : indices[i];
      for (int64_t b = 0; b < inner; ++b) {
        ASSERT_EQ(out[(o * count + i) * inner + b], data[(o * slices + index) * inner + b]);
      }
    }
  }
  ASSERT_TRUE(out.GuardsIntact());
}

TEST(Gather, Slices) {
  std::mt19937 random(1);
  for (int64_t outer : {1, 3}) {
    for (int64_t inner : {1, 4, 8, 12, 384, 20000}) {
      Check<int32_t>(DType::kI32, outer, 7, 19, inner, random);
      Check<int64_t>(DType::kI64, outer, 1, 5, inner, random);
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST(Gather, IndicesOutOfRangeStayInside) {
  GuardedBuffer<float> data(4), out(3);
  GuardedBuffer<int64_t> indices(3);
  for (int i = 0; i < 4; ++i) data[i] = static_cast<float>(i);
  indices[0] = INT64_MAX;
  indices[1] = INT64_MIN;
  indices[2] = 4;
  Params params{DType::kI64, {}, 1, 4, 3, 4, 16, 4, 12, 4, 0};
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &params, &choice).ok());
  RunRow(choice, params, {ToOperand(out), ToOperand(data), ToOperand(indices)});
  EXPECT_EQ(out[0], 3);
  EXPECT_EQ(out[1], 0);
  EXPECT_EQ(out[2], 3);
}

TEST(Gather, RefusesHostileClaims) {
  Params good{DType::kI64, {}, 2, 4, 3, 4, 16, 4, 12, 4, 0};
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {24, 32, 24};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.slices = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.slices = 5; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.index_type = DType::kI8; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.outer = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.data_slice_stride = -4; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.inner_bytes = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.block = 0; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::gather
