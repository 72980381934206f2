#include "kernels/conv_transpose/conv_transpose.h"

#include <gtest/gtest.h>

#include "kernels/conv/geometry_testing.h"
#include "kernels/epilogue/epilogue_testing.h"
#include "kernels/testing.h"

namespace whet::kernels::conv_transpose {
namespace {

using Floats = GuardedBuffer<float>;

Floats RandomFloats(int64_t count, std::mt19937& random) {
  Floats floats(count);
  floats.FillRandom(random, -1, 1);
  return floats;
}

// A problem with its sizes given, and the output's size that follows from the padding on all four sides and
// the output padding.
Params Problem(int64_t batch, int64_t h, int64_t w, int64_t cin, int64_t cout, int64_t kernel_h,
               int64_t kernel_w, int64_t stride = 1, int64_t pad = 0, int64_t dilation = 1,
               int64_t groups = 1, int64_t output_pad = 0) {
  auto p = conv::Problem<Params>(batch, h, w, cin, cout, kernel_h, kernel_w, stride, pad, dilation, groups);
  p.out_h = (h - 1) * stride + dilation * (kernel_h - 1) + 1 - 2 * pad + output_pad;
  p.out_w = (w - 1) * stride + dilation * (kernel_w - 1) + 1 - 2 * pad + output_pad;
  p.residual_stride = p.out_stride;
  return p;
}

void Check(const TileRow& row, Params p, bool with_bias = true) {
  SCOPED_TRACE(std::string(row.base.name) + " input " + std::to_string(p.in_h) + "x" +
               std::to_string(p.in_w) + "x" + std::to_string(p.cin) + " to " + std::to_string(p.cout) +
               " kernel " + std::to_string(p.kernel_h) + "x" + std::to_string(p.kernel_w) + " stride " +
               std::to_string(p.stride_w) + " groups " + std::to_string(p.groups) + " activation " +
               std::to_string(static_cast<int>(p.epilogue.activation)));
  std::mt19937 random(7);
  const int64_t out_pixels = p.batch * p.out_h * p.out_w;
  const int64_t channels = p.groups * p.cout;
  Floats input = RandomFloats((p.batch * p.in_h * p.in_w - 1) * p.in_stride + p.groups * p.cin, random);
  Floats weights = RandomFloats(channels * p.kernel_h * p.kernel_w * p.cin, random);
  Floats bias = RandomFloats(channels, random);
  Floats slope = RandomFloats(channels, random);
  Floats residual = RandomFloats((out_pixels - 1) * p.residual_stride + channels, random);
  Floats output((out_pixels - 1) * p.out_stride + channels);
  std::memset(output.data(), 0xff, output.size_bytes());
  const bool with_residual = p.epilogue.residual != Residual::kNone;

  Choice choice{};
  ASSERT_TRUE(Choose(row, &p, &choice).ok());
  Floats packed(PackedSize(row.base, p));
  const int64_t taps = p.kernel_h * p.kernel_w;
  // As ONNX has them: [group][input][output][y][x].
  const int64_t steps[5] = {p.cin * p.cout * taps, p.cout * taps, p.kernel_w, 1, taps};
  Pack(row.base, p, weights.data(), steps, packed.data());
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
    for (int64_t o = 0; o < channels; ++o) {
      double sum = with_bias ? bias[o] : 0;
      double magnitude = std::abs(sum);
      for (int64_t ky = 0; ky < p.kernel_h; ++ky) {
        for (int64_t kx = 0; kx < p.kernel_w; ++kx) {
          const int64_t y = oy + p.pad_top - ky * p.dilation_h;
          const int64_t x = ox + p.pad_left - kx * p.dilation_w;
          if (y < 0 || y % p.stride_h != 0 || y / p.stride_h >= p.in_h) continue;
          if (x < 0 || x % p.stride_w != 0 || x / p.stride_w >= p.in_w) continue;
          const int64_t pixel_in = (image * p.in_h + y / p.stride_h) * p.in_w + x / p.stride_w;
          for (int64_t i = 0; i < p.cin; ++i) {
            const int64_t weight =
                o / p.cout * steps[0] + i * steps[1] + ky * steps[2] + kx * steps[3] + o % p.cout * steps[4];
            const double product =
                static_cast<double>(input[pixel_in * p.in_stride + o / p.cout * p.cin + i]) * weights[weight];
            sum += product;
            magnitude += std::abs(product);
          }
        }
      }
      const double expected = ScalarEpilogue(
          p.epilogue, sum, with_residual ? residual[pixel * p.residual_stride + o] : 0, slope[o]);
      ASSERT_NEAR(output[pixel * p.out_stride + o], expected, 2e-6 * (magnitude + 1))
          << "pixel " << oy << ", " << ox << " channel " << o;
    }
    if (pixel + 1 < out_pixels) {
      for (int64_t o = channels; o < p.out_stride; ++o) {
        ASSERT_TRUE(std::isnan(output[pixel * p.out_stride + o])) << "wrote between pixels";
      }
    }
  }
  EXPECT_TRUE(output.GuardsIntact());
}

class ConvTransposeTest : public ::testing::TestWithParam<const TileRow*> {
 protected:
  void SetUp() override {
    if (!IsaSupported(GetParam()->base.isa))
      GTEST_SKIP() << "this CPU has no " << IsaName(GetParam()->base.isa);
  }
};

TEST_P(ConvTransposeTest, KernelsStridesAndPadding) {
  for (int64_t kernel : {1, 2, 3, 4, 5}) {
    for (int64_t stride : {1, 2, 3}) {
      for (int64_t pad = 0; pad < kernel; ++pad) {
        for (int64_t output_pad = 0; output_pad < stride; ++output_pad) {
          Check(*GetParam(), Problem(2, 7, 9, 3, 17, kernel, kernel, stride, pad, 1, 1, output_pad));
        }
      }
    }
  }
}

TEST_P(ConvTransposeTest, OneDimensional) {
  Params p = Problem(1, 1, 50, 5, 20, 1, 4, 2, 0);
  p.stride_h = 1;
  Check(*GetParam(), p);
}

TEST_P(ConvTransposeTest, Dilation) {
  for (int64_t stride : {1, 2, 3, 4, 6}) {
    for (int64_t dilation : {2, 3, 4}) {
      Check(*GetParam(), Problem(1, 5, 6, 3, 8, 3, 3, stride, 2, dilation));
    }
  }
}

TEST_P(ConvTransposeTest, Groups) {
  Check(*GetParam(), Problem(2, 6, 7, 4, 6, 3, 3, 1, 1, 1, 3));
  Check(*GetParam(), Problem(1, 6, 7, 1, 1, 4, 4, 2, 1, 1, 20));
}

TEST_P(ConvTransposeTest, PartsOfWiderTensors) {
  Params p = Problem(2, 6, 7, 8, 19, 3, 3, 2, 1);
  p.in_stride += 5;
  p.out_stride += 7;
  p.residual_stride += 2;
  p.epilogue.residual = Residual::kBeforeActivation;
  Check(*GetParam(), p);
}

TEST_P(ConvTransposeTest, Blocks) {
  Check(*GetParam(), Problem(1, 5, 30, 256, 100, 4, 4, 2, 1));
  Check(*GetParam(), Problem(1, 20, 20, 24, 24, 2, 2, 2, 0));
}

TEST_P(ConvTransposeTest, Epilogues) {
  for (const Epilogue& epilogue : AllEpilogues()) {
    Params p = Problem(1, 3, 5, 7, 37, 3, 3, 2, 1);
    p.epilogue = epilogue;
    Check(*GetParam(), p);
    Check(*GetParam(), p, false);
  }
}

TEST_P(ConvTransposeTest, ValidateRejectsBadParams) {
  const TileRow& row = *GetParam();
  Params good = Problem(2, 8, 9, 4, 21, 3, 3, 2, 1);  // to 15 x 17
  Choice choice{};
  ASSERT_TRUE(Choose(row, &good, &choice).ok());
  const uint64_t packed = static_cast<uint64_t>(PackedSize(row.base, good)) * 4;
  const std::vector<uint64_t> bytes = {2 * 15 * 17 * 21 * 4, 2 * 8 * 9 * 4 * 4, packed, 21 * 4, 0, 0};
  const auto valid = [&](const Params& p, int64_t units, uint64_t scratch) {
    return row.base.validate({std::as_bytes(std::span(&p, 1)), bytes, units, scratch}) == nullptr;
  };
  ASSERT_TRUE(valid(good, choice.units, choice.scratch_bytes));
  EXPECT_FALSE(valid(good, choice.units + 1, choice.scratch_bytes));
  EXPECT_FALSE(valid(good, choice.units, choice.scratch_bytes - 1));
  const auto rejects = [&](auto&& change) {
    Params p = good;
    change(p);
    return !valid(p, choice.units, choice.scratch_bytes);
  };
  EXPECT_TRUE(rejects([](Params& p) { p.batch = 3; }));
  EXPECT_TRUE(rejects([](Params& p) { p.in_h = 9; }));
  EXPECT_TRUE(rejects([](Params& p) { p.in_h = int64_t{1} << 62; }));
  EXPECT_TRUE(rejects([](Params& p) { p.out_w = 18; }));
  EXPECT_TRUE(rejects([](Params& p) { p.cin = 5; }));
  EXPECT_TRUE(rejects([](Params& p) { p.cin = -4; }));
  EXPECT_TRUE(rejects([](Params& p) { p.kernel_h = 4; }));
  EXPECT_TRUE(rejects([](Params& p) { p.stride_h = 0; }));
  EXPECT_TRUE(rejects([](Params& p) { p.pad_left = -1; }));
  EXPECT_TRUE(rejects([](Params& p) { p.in_stride = 5; }));
  EXPECT_TRUE(rejects([](Params& p) { p.m_tile = 99; }));
  EXPECT_TRUE(rejects([](Params& p) { p.n_block += 1; }));
  EXPECT_TRUE(rejects([](Params& p) { p.epilogue.activation = Activation::kPRelu; }));
}

std::vector<const TileRow*> EveryRow() {
  std::vector<const TileRow*> rows;
  for (const TileRow& row : Rows()) rows.push_back(&row);
  return rows;
}

std::string RowName(const ::testing::TestParamInfo<const TileRow*>& info) {
  std::string name = info.param->base.name;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Rows, ConvTransposeTest, ::testing::ValuesIn(EveryRow()), RowName);

}  // namespace
}  // namespace whet::kernels::conv_transpose
