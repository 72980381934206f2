#include "kernels/quantized/table.h"

#include <algorithm>

#include "kernels/testing.h"

namespace whet::kernels::table {
namespace {

TEST(Table, EveryLengthAndStride) {
  std::mt19937 random(1);
  GuardedBuffer<uint8_t> entries(256);
  for (uint8_t& entry : entries.span()) entry = static_cast<uint8_t>(random());
  for (int64_t columns : {1, 2, 3, 15, 16, 17, 31, 33, 63, 64, 65, 127, 130, 1000, 40000}) {
    for (int64_t rows : {1, 3, 70}) {
      for (int64_t gap : {0, 5}) {
        const int64_t stride = columns + gap;
        GuardedBuffer<uint8_t> in((rows - 1) * stride + columns), out((rows - 1) * (stride + gap) + columns);
        for (int64_t i = 0; i < in.size(); ++i) in[i] = static_cast<uint8_t>(i < 256 ? i : random());
        for (Isa isa : RunnableIsas()) {
          std::ranges::fill(out.span(), uint8_t{77});
          Params p{rows, columns, stride, stride + gap, 0, 0};
          Choice choice;
          ASSERT_TRUE(Choose(isa, &p, &choice).ok());
          const std::vector<Operand> operands{ToOperand(out), ToOperand(in), ToOperand(entries)};
          RunRow(choice, p, operands);
          ExpectRefusesSmallerOperands(choice, p, operands);
          for (int64_t r = 0; r < rows; ++r) {
            for (int64_t c = 0; c < stride + gap; ++c) {
              const int64_t at = r * (stride + gap) + c;
              if (at >= out.size()) continue;
              ASSERT_EQ(out[at], c < columns ? entries[in[r * stride + c]] : 77)
                  << choice.row->name << " " << rows << "x" << columns << " at " << at;
            }
          }
          ASSERT_TRUE(out.GuardsIntact());
        }
      }
    }
  }
}

TEST(Table, RefusesHostileClaims) {
  Params good{3, 10, 12, 10, 0, 0};
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  Params negative{-1, 10, 10, 10, 0, 0};
  EXPECT_FALSE(Choose(Isa::kPortable, &negative, &choice).ok());
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {30, 34, 256};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.rows = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.columns = 11; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.columns = -1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_stride = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_stride = -12; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.block_rows = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.block_columns = INT64_MAX; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::table
