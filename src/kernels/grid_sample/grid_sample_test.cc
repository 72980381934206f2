#include "kernels/grid_sample/grid_sample.h"

#include <algorithm>
#include <cmath>

#include "kernels/testing.h"

namespace whet::kernels::grid_sample {
namespace {

// The value of the pixel, or of what stands for it beyond the image.
float PixelAt(const Params& p, const float* image, int64_t y, int64_t x, int64_t c) {
  const auto inside = [&](int64_t at, int64_t size) {
    if (p.border == Border::kEdge) return std::clamp<int64_t>(at, 0, size - 1);
    if (p.border == Border::kReflect) {
      while ((at < 0 || at >= size) && size > 1) {
        // About the outermost pixels' centres, or their outer edges.
        const int64_t edge = p.align_corners != 0 ? 0 : 1;
        at = at < 0 ? -at - edge : 2 * (size - 1) - at + edge;
      }
      return size > 1 ? at : 0;
    }
    return at >= 0 && at < size ? at : -1;
  };
  y = inside(y, p.height);
  x = inside(x, p.width);
  return y < 0 || x < 0 ? 0.0f : image[(y * p.width + x) * p.in_pixel_stride + c];
}

double SampleAt(const Params& p, const float* image, const float* point, int64_t c) {
  const auto place = [&](float coordinate, int64_t size) {
    const double u = static_cast<double>(coordinate) + 1, n = static_cast<double>(size);
    return p.align_corners != 0 ? u * (n - 1) / 2 : (u * n - 1) / 2;
  };
  const double x = place(point[0], p.width), y = place(point[1], p.height);
  if (p.mode == Mode::kNearest) {
    return PixelAt(p, image, std::lrint(y), std::lrint(x), c);
  }
  const auto x0 = static_cast<int64_t>(std::floor(x)), y0 = static_cast<int64_t>(std::floor(y));
  const double fx = x - std::floor(x), fy = y - std::floor(y);
  double sum = 0;
  for (int64_t a = 0; a < 2; ++a) {
    for (int64_t b = 0; b < 2; ++b) {
      const double weight = (a == 0 ? 1 - fy : fy) * (b == 0 ? 1 - fx : fx);
      if (weight != 0) sum += weight * PixelAt(p, image, y0 + a, x0 + b, c);
    }
  }
  return sum;
}

TEST(GridSample, RandomGridsFollowTheDefinition) {
  std::mt19937 random(5);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int round = 0; round < 600; ++round) {
    Params p{};
    p.mode = static_cast<Mode>(below(2));
    p.border = static_cast<Border>(below(3));
    p.align_corners = static_cast<uint8_t>(below(2));
    p.batch = 1 + below(2);
    p.channels = 1 + below(round % 4 == 0 ? 80 : 20);
    p.height = 1 + below(9);
    p.width = 1 + below(9);
    p.points = 1 + below(90);
    p.in_pixel_stride = p.channels + below(3);
    p.out_pixel_stride = p.channels + below(3);
    GuardedBuffer<float> image((p.batch * p.height * p.width - 1) * p.in_pixel_stride + p.channels);
    GuardedBuffer<float> grid(p.batch * p.points * 2);
    image.FillRandom(random);
    grid.FillRandom(random, round % 3 == 0 ? -5.0f : -1.3f, round % 3 == 0 ? 5.0f : 1.3f);
    for (float& coordinate : grid.span()) {
      if (below(8) == 0)
        coordinate = static_cast<float>(below(9) - 4) / 4;  // exactly on a pixel, or between two
    }
    for (Isa isa : RunnableIsas()) {
      GuardedBuffer<float> out((p.batch * p.points - 1) * p.out_pixel_stride + p.channels);
      Choice choice;
      ASSERT_TRUE(Choose(isa, p, &choice).ok());
      const std::vector<Operand> operands{ToOperand(out), ToOperand(image), ToOperand(grid)};
      RunRow(choice, p, operands);
      ExpectRefusesSmallerOperands(choice, p, operands);
      ASSERT_FALSE(HasFailure());
      for (int64_t i = 0; i < p.batch * p.points; ++i) {
        const float* from = image.data() + i / p.points * p.height * p.width * p.in_pixel_stride;
        for (int64_t c = 0; c < p.channels; ++c) {
          ASSERT_NEAR(out[i * p.out_pixel_stride + c], SampleAt(p, from, grid.data() + 2 * i, c), 1e-5)
              << choice.row->name << " round " << round << " point " << i << " (" << grid[2 * i] << ", "
              << grid[2 * i + 1] << ") of " << p.width << "x" << p.height << " mode "
              << int{p.mode == Mode::kNearest} << " border " << static_cast<int>(p.border) << " corners "
              << int{p.align_corners};
        }
        for (int64_t gap = p.channels; gap < p.out_pixel_stride && i + 1 < p.batch * p.points; ++gap) {
          ASSERT_TRUE(std::isnan(out[i * p.out_pixel_stride + gap]));  // not written
        }
      }
      ASSERT_TRUE(out.GuardsIntact());
    }
  }
}

TEST(GridSample, WhatIsNoPlaceReadsInsideTheImageOrNothing) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float strange[] = {std::nanf(""), kInfinity, -kInfinity, 3e38f, -3e38f, 1e-40f};
  for (Isa isa : RunnableIsas()) {
    for (Border border : {Border::kZeros, Border::kEdge, Border::kReflect}) {
      for (Mode mode : {Mode::kLinear, Mode::kNearest}) {
        for (uint8_t corners : {0, 1}) {
          for (int64_t size : {1, 5}) {
            const Params p{mode, border, corners, {}, 1, 1, size, size, 12, 1, 1};
            GuardedBuffer<float> image(size * size), grid(24), out(12);
            std::fill(image.span().begin(), image.span().end(), 7.0f);
            for (int i = 0; i < 24; ++i) grid[i] = i % 2 == i / 12 ? strange[i / 2 % 6] : 0.25f;
            Choice choice;
            ASSERT_TRUE(Choose(isa, p, &choice).ok());
            RunRow(choice, p, {ToOperand(out), ToOperand(image), ToOperand(grid)});
            for (float y : out.span()) {
              if (border == Border::kZeros) {
                EXPECT_TRUE(y >= 0 && y <= 7) << y;
              } else {
                EXPECT_NEAR(y, 7, 1e-5);
              }
            }
          }
        }
      }
    }
  }
}

TEST(GridSample, PixelsWithoutWeightAreNotRead) {
  for (Isa isa : RunnableIsas()) {
    const Params p{Mode::kLinear, Border::kZeros, 1, {}, 1, 1, 1, 3, 3, 1, 1};
    GuardedBuffer<float> image(3), grid(6), out(3);
    image[0] = 1;
    image[1] = std::nanf("");
    image[2] = 3;
    for (int i = 0; i < 6; ++i) grid[i] = i % 2 == 1 ? 0.0f : static_cast<float>(i / 2 - 1);
    Choice choice;
    ASSERT_TRUE(Choose(isa, p, &choice).ok());
    RunRow(choice, p, {ToOperand(out), ToOperand(image), ToOperand(grid)});
    EXPECT_EQ(out[0], 1);
    EXPECT_TRUE(std::isnan(out[1]));
    EXPECT_EQ(out[2], 3);
  }
}

TEST(GridSample, RefusesHostileClaims) {
  const Params good{Mode::kLinear, Border::kEdge, 0, {}, 2, 4, 3, 5, 40, 4, 4};
  Choice choice;
  ASSERT_TRUE(Choose(Isa::kPortable, good, &choice).ok());
  const uint64_t bytes[] = {1280, 480, 640};
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](Params&) {}), nullptr);
  EXPECT_NE(with([](Params& p) { p.batch = 3; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.width = 0; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.height = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.points = 41; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.in_pixel_stride = -1; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.out_pixel_stride = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](Params& p) { p.mode = static_cast<Mode>(2); }), nullptr);
  EXPECT_NE(with([](Params& p) { p.border = static_cast<Border>(3); }), nullptr);
}

}  // namespace
}  // namespace whet::kernels::grid_sample
