#include "kernels/quantized/pool.h"

#include <algorithm>

#include "kernels/pool/window_testing.h"
#include "kernels/testing.h"

namespace whet::kernels::quantized_pool {
namespace {

int32_t ValueOf(DType type, uint16_t bits) {
  switch (type) {
    case DType::kI8: return static_cast<int8_t>(bits);
    case DType::kI16: return static_cast<int16_t>(bits);
    default: return bits;
  }
}
int32_t LeastOf(DType type) { return type == DType::kI8 ? -128 : type == DType::kI16 ? -32768 : 0; }

// T holds the bits of an element.
template <typename T>
int32_t Expected(const Params& params, const GuardedBuffer<T>& in, int64_t n, int64_t oy, int64_t ox,
                 int64_t c) {
  const pool::Params& p = params.window;
  int32_t sum = 0, best = LeastOf(params.in_type);
  int32_t inside = 0, padded = 0;
  for (int64_t ky = 0; ky < p.kernel_height; ++ky) {
    for (int64_t kx = 0; kx < p.kernel_width; ++kx) {
      const int64_t y = oy * p.stride_height - p.pad_top + ky * p.dilation_height;
      const int64_t x = ox * p.stride_width - p.pad_left + kx * p.dilation_width;
      padded += y < p.height + p.pad_bottom && x < p.width + p.pad_right;
      if (y < 0 || x < 0 || y >= p.height || x >= p.width) continue;
      const int64_t at = n * p.in_batch_stride + y * p.in_row_stride + x * p.in_pixel_stride + c;
      const int32_t value = ValueOf(params.in_type, in[at]);
      ++inside;
      sum += value;
      best = std::max(best, value);
    }
  }
  if (p.mode == pool::Mode::kMax) return best;
  const int32_t divisor = p.mode == pool::Mode::kAverage ? inside : padded;
  const float ratio = divisor > 0 ? params.ratio / static_cast<float>(divisor) : 0.0F;
  const float mean = static_cast<float>(sum - inside * params.x_zero) * ratio;
  const double rounded = std::nearbyint(static_cast<double>(mean)) + params.y_zero;
  return static_cast<int32_t>(std::clamp<double>(rounded, params.low, params.high));
}

Params RandomParams(int round, bool halves, std::mt19937& random) {
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  Params params{};
  pool::Params& p = params.window;
  p = pool::RandomWindow(round, 300, random);
  const bool is_signed = below(2) == 0;
  if (halves) {
    params.in_type = params.out_type = is_signed ? DType::kI16 : DType::kU16;
  } else {
    params.in_type = is_signed ? DType::kI8 : DType::kU8;
    params.out_type = p.mode == pool::Mode::kMax || below(2) == 0 ? params.in_type : DType::kU8;
  }
  const int64_t count = halves ? 65536 : 256;
  params.x_zero = static_cast<int32_t>(below(count)) + LeastOf(params.in_type);
  params.y_zero = static_cast<int32_t>(below(count)) + LeastOf(params.out_type);
  params.low = LeastOf(params.out_type);
  params.high = params.low + static_cast<int32_t>(count) - 1;
  params.ratio = round % 4 == 0 ? 1.0F : 0.3F + static_cast<float>(below(1000)) / 700.0F;
  return params;
}

template <typename T>
void CheckRandomWindows() {
  std::mt19937 random(1);
  for (int round = 0; round < 600; ++round) {
    Params params = RandomParams(round, sizeof(T) == 2, random);
    const pool::Params& p = params.window;
    const auto extent = [&](int64_t batch_stride, int64_t row_stride, int64_t pixel_stride, int64_t h,
                            int64_t w) {
      return (p.batch - 1) * batch_stride + (h - 1) * row_stride + (w - 1) * pixel_stride + p.channels;
    };
    GuardedBuffer<T> in(extent(p.in_batch_stride, p.in_row_stride, p.in_pixel_stride, p.height, p.width));
    for (T& x : in.span()) x = static_cast<T>(random());
    for (Isa isa : RunnableIsas()) {
      GuardedBuffer<T> out(
          extent(p.out_batch_stride, p.out_row_stride, p.out_pixel_stride, p.out_height, p.out_width));
      std::ranges::fill(out.span(), T{77});
      Choice choice;
      ASSERT_TRUE(Choose(isa, &params, &choice).ok());
      RunRow(choice, params, {ToOperand(out), ToOperand(in)});
      ExpectRefusesSmallerOperands(choice, params, {ToOperand(out), ToOperand(in)});
      ASSERT_FALSE(testing::Test::HasFailure());
      ASSERT_TRUE(out.GuardsIntact());
      std::vector<bool> written(static_cast<size_t>(out.size()), false);
      for (int64_t n = 0; n < p.batch; ++n) {
        for (int64_t y = 0; y < p.out_height; ++y) {
          for (int64_t x = 0; x < p.out_width; ++x) {
            for (int64_t c = 0; c < p.channels; ++c) {
              const int64_t at = n * p.out_batch_stride + y * p.out_row_stride + x * p.out_pixel_stride + c;
              written[static_cast<size_t>(at)] = true;
              ASSERT_EQ(ValueOf(params.out_type, out[at]), Expected(params, in, n, y, x, c))
                  << choice.row->name << " mode " << static_cast<int>(p.mode) << " round " << round;
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

TEST(QuantizedPool, RandomWindowsOfBytes) { CheckRandomWindows<uint8_t>(); }
TEST(QuantizedPool, RandomWindowsOfHalves) { CheckRandomWindows<uint16_t>(); }

TEST(QuantizedPool, RefusesHostileClaims) {
  Params good{};
  pool::Params& w = good.window;
  w.mode = pool::Mode::kAverage;
  w.batch = 1;
  w.channels = w.in_pixel_stride = w.out_pixel_stride = 8;
  w.height = w.width = 4;
  w.out_height = w.out_width = 2;
  w.kernel_height = w.kernel_width = w.stride_height = w.stride_width = 2;
  w.dilation_height = w.dilation_width = 1;
  w.in_row_stride = 32;
  w.out_row_stride = 16;
  good.in_type = good.out_type = DType::kI8;
  good.low = -128;
  good.high = 127;
  good.ratio = 1;
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {2 * 2 * 8, 4 * 4 * 8};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.window.mode = static_cast<pool::Mode>(9); }), nullptr);
  EXPECT_NE(with([](Params& p) { p.window.channels = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.window.kernel_height = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.window.in_row_stride = -32; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.window.channel_block = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.window.out_height = 3; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_type = DType::kF32; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_type = DType::kI16; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_type = p.out_type = DType::kI16; }), nullptr);  // more bytes
  EXPECT_NE(with([](Params& p) { p.x_zero = 128; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.low = -129; }), nullptr);
  Params huge = good;
  huge.window.height = huge.window.width = huge.window.kernel_height = huge.window.kernel_width = 1 << 12;
  EXPECT_FALSE(Choose(Isa::kPortable, &huge, &choice).ok());
}

}  // namespace
}  // namespace whet::kernels::quantized_pool
