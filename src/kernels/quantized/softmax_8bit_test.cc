#include "kernels/quantized/softmax_8bit.h"

#include <algorithm>

#include "kernels/testing.h"

namespace whet::kernels::softmax_8bit {
namespace {

int32_t ValueOf(DType type, uint8_t byte) { return type == DType::kI8 ? static_cast<int8_t>(byte) : byte; }

TEST(Softmax8Bit, LinesOfEveryLength) {
  std::mt19937 random(1);
  for (const auto& [outer, axis, inner] : {std::array<int64_t, 3>{7, 1, 1},
                                           {5, 2, 1},
                                           {3, 37, 1},
                                           {2, 1000, 1},
                                           {1, 16, 5},
                                           {3, 21, 20},
                                           {4, 100, 3}}) {
    for (int types = 0; types < 4; ++types) {
      Params p{};
      p.in_type = (types & 1) != 0 ? DType::kI8 : DType::kU8;
      p.out_type = (types & 2) != 0 ? DType::kI8 : DType::kU8;
      p.low = p.y_zero = p.out_type == DType::kI8 ? -128 : 0;
      p.high = p.low + 255;
      p.y_scale = axis < 50 ? 1.0F / 256 : 0.001F;
      p.outer = outer;
      p.axis = axis;
      p.inner = inner;
      const int64_t n = outer * axis * inner;
      GuardedBuffer<uint8_t> in(n), out(n);
      GuardedBuffer<int32_t> table(256);
      for (uint8_t& x : in.span()) x = static_cast<uint8_t>(random());
      for (int k = 0; k < 256; ++k) {
        table[k] = static_cast<int32_t>(std::lround(std::ldexp(std::exp(-0.05 * k), kTableBits)));
      }
      for (Isa isa : RunnableIsas()) {
        Choice choice;
        ASSERT_TRUE(Choose(isa, &p, &choice).ok());
        const std::vector<Operand> operands{ToOperand(out), ToOperand(in), ToOperand(table)};
        RunRow(choice, p, operands);
        ExpectRefusesSmallerOperands(choice, p, operands);
        ASSERT_TRUE(out.GuardsIntact());
        for (int64_t line = 0; line < outer * inner; ++line) {
          const int64_t start = line / inner * axis * inner + line % inner;
          int32_t greatest = -128;
          for (int64_t i = 0; i < axis; ++i)
            greatest = std::max(greatest, ValueOf(p.in_type, in[start + i * inner]));
          int64_t sum = 0;
          for (int64_t i = 0; i < axis; ++i)
            sum += table[greatest - ValueOf(p.in_type, in[start + i * inner])];
          const auto scale =
              static_cast<float>(1.0 / (static_cast<double>(sum) * static_cast<double>(p.y_scale)));
          for (int64_t i = 0; i < axis; ++i) {
            const int64_t at = start + i * inner;
            const float value = static_cast<float>(table[greatest - ValueOf(p.in_type, in[at])]) * scale;
            const double want =
                std::clamp<double>(std::nearbyint(static_cast<double>(value)) + p.y_zero, p.low, p.high);
            ASSERT_EQ(ValueOf(p.out_type, out[at]), want) << choice.row->name << " axis " << axis;
          }
        }
      }
    }
  }
}

TEST(Softmax8Bit, RefusesHostileClaims) {
  Params good{};
  good.in_type = good.out_type = DType::kU8;
  good.high = 255;
  good.y_scale = 1;
  good.outer = 2;
  good.axis = 10;
  good.inner = 3;
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {60, 60, 1024};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, choice.scratch_bytes});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_type = DType::kF32; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.y_zero = 300; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.axis = 11; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.axis = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.axis = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.outer = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.inner = -1; }), nullptr);
  EXPECT_NE(Validate({std::as_bytes(std::span(&good, 1)), bytes, choice.units, choice.scratch_bytes - 1}),
            nullptr);
}

}  // namespace
}  // namespace whet::kernels::softmax_8bit
