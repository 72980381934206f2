#include "kernels/depthwise/depthwise.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/epilogue/epilogue_testing.h"
#include "kernels/testing.h"

namespace whet::kernels::depthwise {
namespace {

using Floats = GuardedBuffer<float>;

Floats RandomFloats(int64_t count, std::mt19937& random) {
  Floats floats(count);
  floats.FillRandom(random, -1, 1);
  return floats;
}

// A problem with its sizes given, and the output's size that follows from the padding on all four sides.
Params Problem(int64_t batch, int64_t h, int64_t w, int64_t channels, int64_t kernel, int64_t stride = 1,
               int64_t pad = 0, int64_t dilation = 1) {
  Params p;
  p.batch = batch;
  p.in_h = h;
  p.in_w = w;
  p.channels = channels;
  p.kernel_h = p.kernel_w = kernel;
  p.stride_h = p.stride_w = stride;
  p.dilation_h = p.dilation_w = dilation;
  p.pad_top = p.pad_left = pad;
  p.out_h = (h + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
  p.out_w = (w + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
  p.in_stride = p.out_stride = p.residual_stride = channels;
  return p;
}

void Check(Isa isa, Params p, bool with_bias = true) {
  SCOPED_TRACE(std::string(IsaName(isa)) + " input " + std::to_string(p.in_h) + "x" + std::to_string(p.in_w) +
               "x" + std::to_string(p.channels) + " kernel " + std::to_string(p.kernel_h) + "x" +
               std::to_string(p.kernel_w) + " stride " + std::to_string(p.stride_w) + " activation " +
               std::to_string(static_cast<int>(p.epilogue.activation)));
  std::mt19937 random(7);
  const int64_t out_pixels = p.batch * p.out_h * p.out_w;
  Floats input = RandomFloats((p.batch * p.in_h * p.in_w - 1) * p.in_stride + p.channels, random);
  Floats weights = RandomFloats(p.channels * p.kernel_h * p.kernel_w, random);
  Floats bias = RandomFloats(p.channels, random);
  Floats slope = RandomFloats(p.channels, random);
  Floats residual = RandomFloats((out_pixels - 1) * p.residual_stride + p.channels, random);
  Floats output((out_pixels - 1) * p.out_stride + p.channels);
  std::memset(output.data(), 0xff, output.size_bytes());
  const bool with_residual = p.epilogue.residual != Residual::kNone;

  Choice choice{};
  ASSERT_TRUE(Choose(isa, &p, &choice).ok());
  ASSERT_LE(choice.row->isa, isa);
  Floats packed(PackedSize(p));
  const int64_t steps[3] = {p.kernel_h * p.kernel_w, p.kernel_w, 1};
  Pack(p, weights.data(), steps, packed.data());
  ASSERT_TRUE(packed.GuardsIntact());
  const Operand absent{nullptr, 0};
  const std::vector<Operand> operands = {ToOperand(output),
                                         ToOperand(input),
                                         ToOperand(packed),
                                         with_bias ? ToOperand(bias) : absent,
                                         with_residual ? ToOperand(residual) : absent,
                                         ToOperand(slope)};
  RunRow(choice, p, operands);
  ExpectRefusesSmallerOperands(choice, p, operands);

  for (int64_t pixel = 0; pixel < out_pixels; ++pixel) {
    const int64_t image = pixel / (p.out_h * p.out_w);
    const int64_t oy = pixel / p.out_w % p.out_h;
    const int64_t ox = pixel % p.out_w;
    for (int64_t c = 0; c < p.channels; ++c) {
      double sum = with_bias ? bias[c] : 0;
      double magnitude = std::abs(sum);
      for (int64_t ky = 0; ky < p.kernel_h; ++ky) {
        for (int64_t kx = 0; kx < p.kernel_w; ++kx) {
          const int64_t y = oy * p.stride_h - p.pad_top + ky * p.dilation_h;
          const int64_t x = ox * p.stride_w - p.pad_left + kx * p.dilation_w;
          if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) continue;
          const double product =
              static_cast<double>(input[((image * p.in_h + y) * p.in_w + x) * p.in_stride + c]) *
              weights[c * steps[0] + ky * steps[1] + kx * steps[2]];
          sum += product;
          magnitude += std::abs(product);
        }
      }
      const double expected = ScalarEpilogue(
          p.epilogue, sum, with_residual ? residual[pixel * p.residual_stride + c] : 0, slope[c]);
      ASSERT_NEAR(output[pixel * p.out_stride + c], expected, 2e-6 * (magnitude + 1))
          << "pixel " << oy << ", " << ox << " channel " << c;
    }
    if (pixel + 1 < out_pixels) {
      for (int64_t c = p.channels; c < p.out_stride; ++c) {
        ASSERT_TRUE(std::isnan(output[pixel * p.out_stride + c])) << "wrote between pixels";
      }
    }
  }
  EXPECT_TRUE(output.GuardsIntact());
}

class DepthwiseTest : public ::testing::TestWithParam<Isa> {};

TEST_P(DepthwiseTest, KernelsStridesAndPadding) {
  for (int64_t kernel : {1, 2, 3, 5, 7}) {
    for (int64_t stride : {1, 2, 3}) {
      for (int64_t pad = 0; pad < kernel; ++pad) {
        for (int64_t width : {7, 8, 9, 10, 11, 16}) {
          Check(GetParam(), Problem(1, 7, width, 19, kernel, stride, pad));
        }
      }
    }
  }
}

TEST_P(DepthwiseTest, Channels) {
  for (int64_t channels : {1, 3, 4, 8, 15, 16, 17, 31, 33, 63, 64, 65, 300}) {
    Check(GetParam(), Problem(2, 6, 6, channels, 3, 1, 1));
    Check(GetParam(), Problem(1, 9, 9, channels, 4, 1, 1));
  }
}

TEST_P(DepthwiseTest, ManyBlocksOfChannels) { Check(GetParam(), Problem(1, 7, 7, 960, 3, 1, 1)); }

TEST_P(DepthwiseTest, KernelLargerThanTheImage) {
  Check(GetParam(), Problem(1, 2, 2, 20, 5, 1, 3));
  Check(GetParam(), Problem(1, 1, 1, 20, 3, 1, 4));
  Check(GetParam(), Problem(1, 1, 1, 20, 7, 1, 9));
}

TEST_P(DepthwiseTest, Dilation) {
  Check(GetParam(), Problem(1, 11, 12, 24, 3, 1, 2, 2));
  Check(GetParam(), Problem(1, 11, 12, 24, 3, 2, 3, 3));
  Params only_h = Problem(1, 11, 12, 24, 3, 1, 2, 2);
  only_h.dilation_w = 1;
  Check(GetParam(), only_h);
}

TEST_P(DepthwiseTest, UnevenKernelsStridesAndCroppedOutput) {
  Params p = Problem(1, 9, 13, 21, 3, 1, 1);
  p.kernel_h = 2;
  Check(GetParam(), p);
  p = Problem(1, 9, 13, 21, 3, 2, 1);
  p.stride_h = 3;
  p.out_h = 2;
  p.out_w = 5;
  Check(GetParam(), p);
}

TEST_P(DepthwiseTest, PartsOfWiderTensors) {
  for (int64_t kernel : {3, 4}) {
    Params p = Problem(2, 6, 7, 21, kernel, 1, 1);
    p.in_stride += 5;
    p.out_stride += 7;
    p.residual_stride += 2;
    p.epilogue.residual = Residual::kBeforeActivation;
    Check(GetParam(), p);
  }
}

TEST_P(DepthwiseTest, Epilogues) {
  for (const Epilogue& epilogue : AllEpilogues()) {
    for (int64_t kernel : {3, 4}) {
      Params p = Problem(1, 3, 6, 37, kernel, 1, 1);
      p.epilogue = epilogue;
      Check(GetParam(), p);
      Check(GetParam(), p, false);
    }
  }
}

TEST_P(DepthwiseTest, ValidateRejectsBadParams) {
  Params good = Problem(2, 8, 9, 21, 3, 2, 1);
  Choice choice{};
  ASSERT_TRUE(Choose(GetParam(), &good, &choice).ok());
  const uint64_t packed = static_cast<uint64_t>(PackedSize(good)) * 4;
  const std::vector<uint64_t> bytes = {2 * 4 * 5 * 21 * 4, 2 * 8 * 9 * 21 * 4, packed, 21 * 4, 0, 0};
  const auto valid = [&](const Params& p, int64_t units) {
    return choice.row->validate({std::as_bytes(std::span(&p, 1)), bytes, units, 0}) == nullptr;
  };
  ASSERT_TRUE(valid(good, choice.units));
  EXPECT_FALSE(valid(good, choice.units + 1));
  const auto rejects = [&](auto&& change) {
    Params p = good;
    change(p);
    return !valid(p, choice.units);
  };
  EXPECT_TRUE(rejects([](Params& p) { p.batch = 3; }));
  EXPECT_TRUE(rejects([](Params& p) { p.in_h = 9; }));
  EXPECT_TRUE(rejects([](Params& p) { p.in_h = int64_t{1} << 62; }));
  EXPECT_TRUE(rejects([](Params& p) { p.out_w = 6; }));
  EXPECT_TRUE(rejects([](Params& p) { p.channels = 22; }));
  EXPECT_TRUE(rejects([](Params& p) { p.channels = -4; }));
  EXPECT_TRUE(rejects([](Params& p) { p.kernel_h = 4; }));
  EXPECT_TRUE(rejects([](Params& p) { p.stride_h = 0; }));
  EXPECT_TRUE(rejects([](Params& p) { p.pad_left = -1; }));
  EXPECT_TRUE(rejects([](Params& p) { p.in_stride = -21; }));
  EXPECT_TRUE(rejects([](Params& p) { p.in_stride = 22; }));
  EXPECT_TRUE(rejects([](Params& p) { p.channel_block = 8; }));
  EXPECT_TRUE(rejects([](Params& p) { p.channel_block = INT64_MAX; }));
  EXPECT_TRUE(rejects([](Params& p) { p.epilogue.activation = Activation::kPRelu; }));
}

INSTANTIATE_TEST_SUITE_P(Isas, DepthwiseTest, ::testing::ValuesIn(RunnableIsas()), [](const auto& test) {
  std::string name(IsaName(test.param));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace whet::kernels::depthwise
