#include "kernels/resize/resize.h"

#include <algorithm>
#include <cmath>

#include "kernels/testing.h"

namespace whet::kernels::resize {
namespace {

TEST(Resize, RandomImagesFollowTheirTables) {
  std::mt19937 random(1);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int round = 0; round < 400; ++round) {
    Params p{};
    p.batch = 1 + below(2);
    p.channels = 1 + below(round % 4 == 0 ? 80 : 20);
    p.height = 1 + below(9);
    p.width = 1 + below(9);
    p.out_height = 1 + below(20);
    p.out_width = 1 + below(20);
    Axis axis;
    axis.interpolation = static_cast<Interpolation>(below(3));
    axis.coordinates = static_cast<Coordinates>(below(7));
    axis.rounding = static_cast<Rounding>(below(4));
    axis.exclude_outside = below(2) == 0;
    axis.antialias = below(3) == 0;
    axis.size = p.height;
    axis.out_size = p.out_height;
    axis.scale = static_cast<double>(p.out_height) / static_cast<double>(p.height);
    const std::vector<Tap> y_table = AxisTable(axis, &p.y_taps);
    axis.size = p.width;
    axis.out_size = p.out_width;
    axis.scale = static_cast<double>(p.out_width) / static_cast<double>(p.width);
    const std::vector<Tap> x_table = AxisTable(axis, &p.x_taps);
    ASSERT_EQ(y_table.size(), static_cast<size_t>(p.out_height * p.y_taps));

    p.in_pixel_stride = p.channels + below(3);
    p.in_row_stride = p.in_pixel_stride * p.width + below(3);
    p.in_batch_stride = p.in_row_stride * p.height;
    p.out_pixel_stride = p.channels + below(3);
    p.out_row_stride = p.out_pixel_stride * p.out_width;
    p.out_batch_stride = p.out_row_stride * p.out_height;
    GuardedBuffer<float> in((p.batch - 1) * p.in_batch_stride + (p.height - 1) * p.in_row_stride +
                            (p.width - 1) * p.in_pixel_stride + p.channels);
    const int64_t out_elements = (p.batch - 1) * p.out_batch_stride + (p.out_height - 1) * p.out_row_stride +
                                 (p.out_width - 1) * p.out_pixel_stride + p.channels;
    GuardedBuffer<Tap> y_taps(static_cast<int64_t>(y_table.size())),
        x_taps(static_cast<int64_t>(x_table.size()));
    std::ranges::copy(y_table, y_taps.data());
    std::ranges::copy(x_table, x_taps.data());
    in.FillRandom(random);
    for (Isa isa : RunnableIsas()) {
      GuardedBuffer<float> out(out_elements);
      Choice choice;
      ASSERT_TRUE(Choose(isa, p, &choice).ok());
      const std::vector<Operand> operands{ToOperand(out), ToOperand(in), ToOperand(y_taps),
                                          ToOperand(x_taps)};
      RunRow(choice, p, operands);
      ExpectRefusesSmallerOperands(choice, p, operands);
      ASSERT_FALSE(HasFailure());
      for (int64_t n = 0; n < p.batch; ++n) {
        for (int64_t y = 0; y < p.out_height; ++y) {
          for (int64_t x = 0; x < p.out_width; ++x) {
            for (int64_t c = 0; c < p.channels; ++c) {
              double want = 0;
              for (int64_t i = 0; i < p.y_taps; ++i) {
                for (int64_t j = 0; j < p.x_taps; ++j) {
                  const Tap& v = y_taps[y * p.y_taps + i];
                  const Tap& h = x_taps[x * p.x_taps + j];
                  want +=
                      static_cast<double>(v.weight) * static_cast<double>(h.weight) *
                      in[n * p.in_batch_stride + v.index * p.in_row_stride + h.index * p.in_pixel_stride + c];
                }
              }
              const int64_t at = n * p.out_batch_stride + y * p.out_row_stride + x * p.out_pixel_stride + c;
              ASSERT_NEAR(out[at], want, 1e-5) << choice.row->name << " round " << round;
            }
          }
        }
      }
      ASSERT_TRUE(out.GuardsIntact());
    }
  }
}

// Resamples 1, 2, 3, … of `size` and compares with values worked out by hand from ONNX's definitions.
void ExpectAxis(Axis axis, int64_t size, int64_t out_size, const std::vector<double>& want) {
  axis.size = size;
  axis.out_size = out_size;
  axis.scale = static_cast<double>(out_size) / static_cast<double>(size);
  int64_t taps = 0;
  const std::vector<Tap> table = AxisTable(axis, &taps);
  for (int64_t i = 0; i < out_size; ++i) {
    double got = 0;
    for (int64_t k = 0; k < taps; ++k) {
      const Tap& tap = table[static_cast<size_t>(i * taps + k)];
      got += static_cast<double>(tap.weight) * (tap.index + 1);
    }
    EXPECT_NEAR(got, want[static_cast<size_t>(i)], 1e-6) << "at " << i;
  }
}

TEST(AxisTable, Coordinates) {
  Axis axis;
  ExpectAxis(axis, 2, 4, {1, 1.25, 1.75, 2});
  axis.coordinates = Coordinates::kAlignCorners;
  ExpectAxis(axis, 2, 4, {1, 4.0 / 3, 5.0 / 3, 2});
  axis.coordinates = Coordinates::kAsymmetric;
  ExpectAxis(axis, 2, 4, {1, 1.5, 2, 2});
  axis.coordinates = Coordinates::kPytorchHalfPixel;
  ExpectAxis(axis, 4, 1, {1});
  axis.coordinates = Coordinates::kTfCropAndResize;
  axis.roi_start = 0.5;
  ExpectAxis(axis, 5, 3, {3, 4, 5});
}

TEST(AxisTable, NearestRounding) {
  Axis axis;
  axis.interpolation = Interpolation::kNearest;
  ExpectAxis(axis, 2, 4, {1, 1, 2, 2});
  axis.coordinates = Coordinates::kAsymmetric;
  axis.rounding = Rounding::kFloor;
  ExpectAxis(axis, 2, 5, {1, 1, 1, 2, 2});
  axis.rounding = Rounding::kCeil;
  ExpectAxis(axis, 2, 4, {1, 2, 2, 2});
  axis.rounding = Rounding::kPreferFloor;
  ExpectAxis(axis, 2, 4, {1, 1, 2, 2});
  axis.rounding = Rounding::kPreferCeil;
  ExpectAxis(axis, 2, 4, {1, 2, 2, 2});
}

TEST(AxisTable, CubicAndAntialias) {
  Axis axis;
  axis.interpolation = Interpolation::kCubic;
  // At a quarter between samples the weights for a = -3/4 are -27/256, 225/256, 67/256, -9/256.
  ExpectAxis(axis, 4, 8,
             {(-9.0 * 1 + 67.0 * 1 + 225.0 * 1 + -27.0 * 2) / 256,
              (-27.0 * 1 + 225.0 * 1 + 67.0 * 2 + -9.0 * 3) / 256,
              (-9.0 * 1 + 67.0 * 1 + 225.0 * 2 + -27.0 * 3) / 256,
              (-27.0 * 1 + 225.0 * 2 + 67.0 * 3 + -9.0 * 4) / 256,
              (-9.0 * 1 + 67.0 * 2 + 225.0 * 3 + -27.0 * 4) / 256,
              (-27.0 * 2 + 225.0 * 3 + 67.0 * 4 + -9.0 * 4) / 256,
              (-9.0 * 2 + 67.0 * 3 + 225.0 * 4 + -27.0 * 4) / 256,
              (-27.0 * 3 + 225.0 * 4 + 67.0 * 4 + -9.0 * 4) / 256});
  axis.interpolation = Interpolation::kLinear;
  axis.antialias = true;
  // Halving: the triangle reaches over four inputs, at distances 1/4 and 3/4; the ends are repeated.
  ExpectAxis(axis, 4, 2, {(4.0 * 1 + 3 * 2 + 1 * 3) / 8, (1.0 * 2 + 3 * 3 + 4 * 4) / 8});
}

TEST(Resize, IndicesOutOfRangeStayInside) {
  GuardedBuffer<float> in(4), out(2);
  for (int i = 0; i < 4; ++i) in[i] = static_cast<float>(i);
  GuardedBuffer<Tap> y(1), x(2);
  y[0] = {INT32_MAX, 1};
  x[0] = {INT32_MIN, 1};
  x[1] = {7, 1};
  const Params p{1, 1, 2, 2, 1, 2, 1, 1, 4, 2, 1, 2, 2, 1};
  Choice choice;
  ASSERT_TRUE(Choose(BestIsa(), p, &choice).ok());
  RunRow(choice, p, {ToOperand(out), ToOperand(in), ToOperand(y), ToOperand(x)});
  EXPECT_EQ(out[0], 2);
  EXPECT_EQ(out[1], 3);
}

TEST(Resize, RefusesHostileClaims) {
  const Params good{1, 4, 3, 3, 6, 6, 2, 2, 36, 12, 4, 144, 24, 4};
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, good, &choice).ok());
  const uint64_t bytes[] = {576, 144, 96, 96};
  const auto with = [&](auto change, uint64_t less_scratch = 0) {
    Params params = good;
    change(params);
    return Validate(
        {std::as_bytes(std::span(&params, 1)), bytes, choice.units, choice.scratch_bytes - less_scratch});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params&) {}, 1), nullptr);
  EXPECT_NE(with([](Params& p) { p.batch = 2; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.height = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.width = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.x_taps = 3; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.y_taps = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_pixel_stride = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.out_row_stride = -24; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::resize
