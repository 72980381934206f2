#include "kernels/quantized/resize_8bit.h"

#include <algorithm>

#include "kernels/testing.h"

namespace whet::kernels::resize_8bit {
namespace {

int32_t ValueOf(DType type, uint8_t byte) { return type == DType::kI8 ? static_cast<int8_t>(byte) : byte; }

int32_t Expected(const Params& p, const GuardedBuffer<uint8_t>& in, const Tap& row, const Tap& column,
                 int64_t n, int64_t c) {
  const auto at = [&](int64_t y, int64_t x) {
    y = std::clamp<int64_t>(y, 0, p.height - 1);
    x = std::clamp<int64_t>(x, 0, p.width - 1);
    return ValueOf(p.in_type, in[n * p.in_batch_stride + y * p.in_row_stride + x * p.in_pixel_stride + c]);
  };
  if (p.nearest == 1) return at(row.index, column.index);
  const auto blend = [](int32_t a, int32_t b, int32_t weight) { return a * (2048 - weight) + b * weight; };
  const int32_t left = blend(at(row.index, column.index), at(row.index + 1, column.index), row.weight);
  const int32_t right =
      blend(at(row.index, column.index + 1), at(row.index + 1, column.index + 1), row.weight);
  const int32_t sum = blend(left, right, column.weight) - p.x_zero * (1 << 22);
  const float value = static_cast<float>(sum) * (p.ratio * 0x1p-22F);
  const double rounded = std::nearbyint(static_cast<double>(value)) + p.y_zero;
  return static_cast<int32_t>(std::clamp<double>(rounded, p.low, p.high));
}

TEST(Resize8Bit, RandomImages) {
  std::mt19937 random(1);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int round = 0; round < 200; ++round) {
    Params p{};
    p.batch = 1 + below(2);
    p.channels = 1 + below(round % 4 == 0 ? 100 : 20);
    p.height = 1 + below(9);
    p.width = 1 + below(9);
    p.out_height = 1 + below(15);
    p.out_width = 1 + below(15);
    p.in_pixel_stride = p.channels + (round % 3 == 0 ? below(4) : 0);
    p.in_row_stride = p.in_pixel_stride * p.width + below(3);
    p.in_batch_stride = p.in_row_stride * p.height;
    p.out_pixel_stride = p.channels + (round % 5 == 0 ? below(4) : 0);
    p.out_row_stride = p.out_pixel_stride * p.out_width;
    p.out_batch_stride = p.out_row_stride * p.out_height;
    p.in_type = below(2) == 0 ? DType::kI8 : DType::kU8;
    p.nearest = round % 4 == 1 ? 1 : 0;
    p.out_type = p.nearest == 1 || below(2) == 0 ? p.in_type : DType::kI8;
    const auto zero = [&](DType type) {
      return static_cast<int32_t>(below(256)) - (type == DType::kI8 ? 128 : 0);
    };
    p.x_zero = zero(p.in_type);
    p.y_zero = zero(p.out_type);
    p.low = p.out_type == DType::kI8 ? -128 : 0;
    p.high = p.low + 255;
    p.ratio = round % 3 == 0 ? 1.0F : 0.4F + static_cast<float>(below(100)) / 60.0F;
    GuardedBuffer<Tap> rows(p.out_height), columns(p.out_width);
    for (Tap& tap : rows.span())
      tap = {static_cast<int32_t>(below(p.height + 2) - 1), static_cast<int32_t>(below(2049))};
    for (Tap& tap : columns.span())
      tap = {static_cast<int32_t>(below(p.width + 2) - 1), static_cast<int32_t>(below(2049))};
    const auto extent = [&](int64_t batch_stride, int64_t row_stride, int64_t pixel_stride, int64_t h,
                            int64_t w) {
      return (p.batch - 1) * batch_stride + (h - 1) * row_stride + (w - 1) * pixel_stride + p.channels;
    };
    GuardedBuffer<uint8_t> in(
        extent(p.in_batch_stride, p.in_row_stride, p.in_pixel_stride, p.height, p.width));
    for (uint8_t& x : in.span()) x = static_cast<uint8_t>(random());
    for (Isa isa : RunnableIsas()) {
      GuardedBuffer<uint8_t> out(
          extent(p.out_batch_stride, p.out_row_stride, p.out_pixel_stride, p.out_height, p.out_width));
      std::ranges::fill(out.span(), uint8_t{77});
      Choice choice;
      ASSERT_TRUE(Choose(isa, &p, &choice).ok());
      const std::vector<Operand> operands{ToOperand(out), ToOperand(in), ToOperand(rows), ToOperand(columns)};
      RunRow(choice, p, operands);
      ExpectRefusesSmallerOperands(choice, p, operands);
      ASSERT_TRUE(out.GuardsIntact());
      std::vector<bool> written(static_cast<size_t>(out.size()), false);
      for (int64_t n = 0; n < p.batch; ++n) {
        for (int64_t y = 0; y < p.out_height; ++y) {
          for (int64_t x = 0; x < p.out_width; ++x) {
            for (int64_t c = 0; c < p.channels; ++c) {
              const int64_t at = n * p.out_batch_stride + y * p.out_row_stride + x * p.out_pixel_stride + c;
              written[static_cast<size_t>(at)] = true;
              ASSERT_EQ(ValueOf(p.out_type, out[at]), Expected(p, in, rows[y], columns[x], n, c))
                  << choice.row->name << " round " << round;
            }
          }
        }
      }
      for (int64_t i = 0; i < out.size(); ++i) {
        ASSERT_TRUE(written[static_cast<size_t>(i)] || out[i] == 77) << "wrote between pixels";
      }
    }
  }
}

TEST(Resize8Bit, TapsOfAnAxis) {
  resize::Axis axis;
  axis.size = 2;
  axis.out_size = 4;
  axis.scale = 2;
  // Half pixels: -0.25, 0.25, 0.75, 1.25.
  std::vector<std::pair<int32_t, int32_t>> taps;
  for (const Tap& tap : AxisTable(axis)) taps.emplace_back(tap.index, tap.weight);
  ASSERT_EQ(taps.size(), 4u);
  EXPECT_EQ(taps[0].second, 0);
  EXPECT_EQ(taps[1], std::make_pair(0, 512));
  EXPECT_EQ(taps[2], std::make_pair(0, 1536));
  EXPECT_EQ(taps[3].first, 1);
  axis.antialias = true;
  axis.size = 9;
  axis.out_size = 3;
  axis.scale = 1.0 / 3;
  EXPECT_TRUE(AxisTable(axis).empty());
}

TEST(Resize8Bit, RefusesHostileClaims) {
  Params good{1, 3, 4, 5, 8, 10, 60, 15, 3, 240, 30, 3, DType::kU8, DType::kU8, 0, 0, 1.0F, 0, 0, 0, 255};
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {240, 60, 64, 80};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, choice.scratch_bytes});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.channels = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.height = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.width = 6; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.out_width = 11; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.out_row_stride = -30; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_type = DType::kF32; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.nearest = 2; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.y_zero = 256; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.high = 256; }), nullptr);
  EXPECT_NE(Validate({std::as_bytes(std::span(&good, 1)), bytes, choice.units, choice.scratch_bytes - 1}),
            nullptr);
}

}  // namespace
}  // namespace whet::kernels::resize_8bit
