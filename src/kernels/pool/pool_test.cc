#include "kernels/pool/pool.h"

#include <algorithm>
#include <limits>

#include "kernels/pool/window_testing.h"
#include "kernels/testing.h"

namespace whet::kernels::pool {
namespace {

float Expected(const Params& p, const GuardedBuffer<float>& in, int64_t n, int64_t oy, int64_t ox,
               int64_t c) {
  double sum = 0, best = -std::numeric_limits<double>::infinity();
  int64_t inside = 0, padded = 0;
  for (int64_t ky = 0; ky < p.kernel_height; ++ky) {
    for (int64_t kx = 0; kx < p.kernel_width; ++kx) {
      const int64_t y = oy * p.stride_height - p.pad_top + ky * p.dilation_height;
      const int64_t x = ox * p.stride_width - p.pad_left + kx * p.dilation_width;
      padded += y < p.height + p.pad_bottom && x < p.width + p.pad_right;
      if (y < 0 || x < 0 || y >= p.height || x >= p.width) continue;
      const double value = in[n * p.in_batch_stride + y * p.in_row_stride + x * p.in_pixel_stride + c];
      ++inside;
      sum += value;
      best = std::max(best, value);
    }
  }
  if (p.mode == Mode::kMax) return static_cast<float>(best);
  const int64_t count = p.mode == Mode::kAverage ? inside : padded;
  return count > 0 ? static_cast<float>(sum / static_cast<double>(count)) : 0.0f;
}

TEST(Pool, RandomWindows) {
  std::mt19937 random(1);
  for (int round = 0; round < 600; ++round) {
    Params p = RandomWindow(round, 150, random);
    const auto extent = [&](int64_t batch_stride, int64_t row_stride, int64_t pixel_stride, int64_t h,
                            int64_t w) {
      return (p.batch - 1) * batch_stride + (h - 1) * row_stride + (w - 1) * pixel_stride + p.channels;
    };
    GuardedBuffer<float> in(extent(p.in_batch_stride, p.in_row_stride, p.in_pixel_stride, p.height, p.width));
    in.FillRandom(random);
    for (Isa isa : RunnableIsas()) {
      GuardedBuffer<float> out(
          extent(p.out_batch_stride, p.out_row_stride, p.out_pixel_stride, p.out_height, p.out_width));
      std::ranges::fill(out.span(), 77.0f);
      Choice choice;
      ASSERT_TRUE(Choose(isa, &p, &choice).ok());
      RunRow(choice, p, {ToOperand(out), ToOperand(in)});
      ExpectRefusesSmallerOperands(choice, p, {ToOperand(out), ToOperand(in)});
      ASSERT_FALSE(HasFailure());
      ASSERT_TRUE(out.GuardsIntact());
      std::vector<bool> written(static_cast<size_t>(out.size()), false);
      for (int64_t n = 0; n < p.batch; ++n) {
        for (int64_t y = 0; y < p.out_height; ++y) {
          for (int64_t x = 0; x < p.out_width; ++x) {
            for (int64_t c = 0; c < p.channels; ++c) {
              const int64_t at = n * p.out_batch_stride + y * p.out_row_stride + x * p.out_pixel_stride + c;
              written[static_cast<size_t>(at)] = true;
              const float want = Expected(p, in, n, y, x, c);
              if (std::isinf(want)) {
                ASSERT_EQ(out[at], want);
              } else {
                ASSERT_NEAR(out[at], want, 1e-5) << choice.row->name << " round " << round;
              }
            }
          }
        }
      }
      for (int64_t i = 0; i < out.size(); ++i) {
        ASSERT_TRUE(written[static_cast<size_t>(i)] || out[i] == 77.0f) << "wrote between pixels";
      }
    }
  }
}

TEST(Pool, RefusesHostileClaims) {
  Params good{};
  good.mode = Mode::kAverage;
  good.batch = 1;
  good.channels = good.in_pixel_stride = good.out_pixel_stride = 8;
  good.height = good.width = 4;
  good.out_height = good.out_width = 2;
  good.kernel_height = good.kernel_width = good.stride_height = good.stride_width = 2;
  good.dilation_height = good.dilation_width = 1;
  good.in_row_stride = 32;
  good.out_row_stride = 16;
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {2 * 2 * 8 * 4, 4 * 4 * 8 * 4};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.mode = static_cast<Mode>(9); }), nullptr);
  EXPECT_NE(with([](Params& p) { p.channels = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.kernel_height = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.pad_top = -1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.dilation_width = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_row_stride = -32; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.channel_block = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.out_height = 3; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::pool
