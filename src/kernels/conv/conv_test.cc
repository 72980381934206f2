#include "kernels/conv/conv.h"

#include <gtest/gtest.h>

#include "kernels/conv/geometry_testing.h"
#include "kernels/epilogue/epilogue_testing.h"
#include "kernels/stored/stored_testing.h"
#include "kernels/testing.h"
#include "kernels/winograd/winograd.h"

namespace whet::kernels::conv {
namespace {

using Floats = GuardedBuffer<float>;

Floats RandomFloats(int64_t count, std::mt19937& random) {
  Floats floats(count);
  floats.FillRandom(random, -1, 1);
  return floats;
}

Params Problem(auto... sizes) {
  auto p = conv::Problem<Params>(sizes...);
  p.residual_stride = p.out_stride;
  return p;
}

// The families that compute convolutions of such params.
struct Way {
  Status (*choose)(const TileRow& row, Params* params, Choice* choice);
  int64_t (*packed_size)(const Row& row, const Params& params);
  void (*pack)(const Row& row, const Params& params, const float* weights, const int64_t (&steps)[4],
               float* packed);
  double tolerance;  // by the sum of the products' magnitudes
  // Errors are those of all outputs of a tile; so by what the sum can be at most.
  bool by_depth;
};
constexpr Way kDirect = {Choose, PackedSize, Pack, 2e-6, false};
constexpr Way kWinograd = {winograd::Choose, winograd::PackedSize, winograd::Pack, 1e-6, true};

void Check(const TileRow& row, Params p, bool with_bias = true, const Way& way = kDirect) {
  SCOPED_TRACE(std::string(row.base.name) + " input " + std::to_string(p.in_h) + "x" +
               std::to_string(p.in_w) + "x" + std::to_string(p.cin) + " to " + std::to_string(p.cout) +
               " kernel " + std::to_string(p.kernel_h) + "x" + std::to_string(p.kernel_w) + " stride " +
               std::to_string(p.stride_w) + " groups " + std::to_string(p.groups) + " stored " +
               std::to_string(p.is_stored) + " " + stored::ToString(p.stored) + " activation " +
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
  ASSERT_TRUE(way.choose(row, &p, &choice).ok());
  const int64_t taps = p.kernel_h * p.kernel_w;
  // As ONNX has them: [output][input][y][x].
  const int64_t steps[4] = {taps * p.cin, p.kernel_w, 1, taps};
  Floats packed(p.is_stored != 0 ? 0 : way.packed_size(row.base, p));
  std::vector<uint8_t> made;
  if (p.is_stored != 0) {
    const stored::TestMatrix matrix(p.stored, taps * p.cin, p.cout, random);
    for (int64_t at = 0; at < taps * p.cin * p.cout; ++at) {
      const int64_t o = at % p.cout, i = at / p.cout % p.cin, tap = at / p.cout / p.cin;
      weights[o * steps[0] + i * steps[3] + tap] = matrix.values[static_cast<size_t>(at)];
    }
    made = PackStored(row.base, p, matrix.weights());
  } else {
    way.pack(row.base, p, weights.data(), steps, packed.data());
  }
  GuardedBuffer<uint8_t> as_stored(static_cast<int64_t>(made.size()));
  std::copy(made.begin(), made.end(), as_stored.data());
  ASSERT_TRUE(packed.GuardsIntact());
  const Operand absent{nullptr, 0};
  const std::vector<Operand> operands = {ToOperand(output),
                                         ToOperand(input),
                                         p.is_stored != 0 ? ToOperand(as_stored) : ToOperand(packed),
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
          const int64_t y = oy * p.stride_h - p.pad_top + ky * p.dilation_h;
          const int64_t x = ox * p.stride_w - p.pad_left + kx * p.dilation_w;
          if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) continue;
          for (int64_t i = 0; i < p.cin; ++i) {
            const double product =
                static_cast<double>(
                    input[((image * p.in_h + y) * p.in_w + x) * p.in_stride + o / p.cout * p.cin + i]) *
                weights[o * steps[0] + ky * steps[1] + kx * steps[2] + i * steps[3]];
            sum += product;
            magnitude += std::abs(product);
          }
        }
      }
      const double expected = ScalarEpilogue(
          p.epilogue, sum, with_residual ? residual[pixel * p.residual_stride + o] : 0, slope[o]);
      const double largest = way.by_depth ? static_cast<double>(taps * p.cin) : magnitude;
      ASSERT_NEAR(output[pixel * p.out_stride + o], expected, way.tolerance * (largest + 1))
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

class ConvTest : public ::testing::TestWithParam<const TileRow*> {
 protected:
  void SetUp() override {
    if (!IsaSupported(GetParam()->base.isa))
      GTEST_SKIP() << "this CPU has no " << IsaName(GetParam()->base.isa);
  }
};

TEST_P(ConvTest, KernelsStridesAndPadding) {
  for (int64_t kernel : {1, 2, 3, 5}) {
    for (int64_t stride : {1, 2, 3}) {
      for (int64_t pad = 0; pad < kernel; ++pad) {
        Check(*GetParam(), Problem(2, 7, 9, 3, 17, kernel, kernel, stride, pad));
        Check(*GetParam(), Problem(1, 6, 5, 40, 33, kernel, kernel, stride, pad));
      }
    }
  }
}

TEST_P(ConvTest, OneDimensional) { Check(*GetParam(), Problem(1, 1, 50, 5, 20, 1, 3, 1, 1)); }

TEST_P(ConvTest, KernelLargerThanTheImage) {
  Check(*GetParam(), Problem(1, 2, 2, 3, 5, 5, 5, 1, 3));
  Check(*GetParam(), Problem(1, 1, 1, 3, 5, 7, 7, 1, 9));
}

TEST_P(ConvTest, Dilation) {
  Check(*GetParam(), Problem(1, 11, 12, 3, 8, 3, 3, 1, 2, 2));
  Check(*GetParam(), Problem(1, 11, 12, 3, 8, 3, 3, 2, 3, 3));
  Params only_h = Problem(1, 11, 12, 4, 8, 3, 3, 1, 2, 2);
  only_h.dilation_w = 1;
  Check(*GetParam(), only_h);
}

TEST_P(ConvTest, Groups) {
  Check(*GetParam(), Problem(2, 6, 7, 4, 6, 3, 3, 1, 1, 1, 3));
  Check(*GetParam(), Problem(1, 6, 7, 1, 1, 3, 3, 2, 1, 1, 20));
  Check(*GetParam(), Problem(1, 6, 7, 16, 40, 1, 1, 1, 0, 1, 2));
}

TEST_P(ConvTest, PartsOfWiderTensors) {
  for (int64_t kernel : {1, 3}) {
    Params p = Problem(2, 6, 7, 8, 19, kernel, kernel, 1, kernel / 2);
    p.in_stride += 5;
    p.out_stride += 7;
    p.residual_stride += 2;
    p.epilogue.residual = Residual::kBeforeActivation;
    Check(*GetParam(), p);
  }
}

TEST_P(ConvTest, UnevenStridesAndCroppedOutput) {
  Params p = Problem(1, 9, 13, 6, 10, 3, 2, 1, 1);
  p.stride_h = 2;
  p.stride_w = 3;
  p.out_h = 3;
  p.out_w = 4;
  Check(*GetParam(), p);
}

TEST_P(ConvTest, Blocks) {
  Check(*GetParam(), Problem(1, 14, 14, 64, 200, 3, 3, 1, 1));
  Check(*GetParam(), Problem(1, 7, 7, 512, 70, 3, 3, 1, 1));
  Check(*GetParam(), Problem(1, 40, 40, 3, 32, 3, 3, 2, 1));
}

TEST_P(ConvTest, StoredWeights) {
  const auto check = [&](Params p) {
    p.is_stored = 1;
    for (const stored::Form& form : stored::FormsToTest(p.kernel_h * p.kernel_w * p.cin)) {
      p.stored = form;
      Check(*GetParam(), p);
    }
  };
  check(Problem(2, 7, 9, 3, 17, 3, 3, 2, 1));
  check(Problem(1, 6, 5, 40, 33, 3, 3, 1, 1));
  check(Problem(1, 5, 5, 7, 70, 1, 1));
  check(Problem(1, 30, 30, 36, 70, 1, 1));  // several units
  check(Problem(1, 1, 40, 5, 9, 1, 3, 1, 1));
}

TEST_P(ConvTest, RefusesWhatIsNotStored) {
  Params p = Problem(1, 6, 7, 4, 6, 3, 3, 1, 1, 1, 3);
  p.is_stored = 1;
  p.stored = {36, stored::Format::kI8, 0};
  Choice choice{};
  EXPECT_FALSE(Choose(*GetParam(), &p, &choice).ok());  // groups of channels
  p = Problem(1, 6, 7, 4, 6, 3, 3, 1, 1);
  p.is_stored = 1;
  p.stored = {37, stored::Format::kI8, 0};
  EXPECT_FALSE(Choose(*GetParam(), &p, &choice).ok());
}

TEST_P(ConvTest, Epilogues) {
  for (const Epilogue& epilogue : AllEpilogues()) {
    Params p = Problem(1, 3, 5, 7, 37, 3, 3, 1, 1);
    p.epilogue = epilogue;
    Check(*GetParam(), p);
    Check(*GetParam(), p, false);
  }
}

TEST_P(ConvTest, ValidateRejectsBadParams) {
  const TileRow& row = *GetParam();
  Params good = Problem(2, 8, 9, 4, 21, 3, 3, 2, 1);
  Choice choice{};
  ASSERT_TRUE(Choose(row, &good, &choice).ok());
  const uint64_t packed = static_cast<uint64_t>(PackedSize(row.base, good)) * 4;
  const std::vector<uint64_t> bytes = {2 * 4 * 5 * 21 * 4, 2 * 8 * 9 * 4 * 4, packed, 21 * 4, 0, 0};
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
  EXPECT_TRUE(rejects([](Params& p) { p.out_w = 6; }));
  EXPECT_TRUE(rejects([](Params& p) { p.cin = 5; }));
  EXPECT_TRUE(rejects([](Params& p) { p.cin = -4; }));
  EXPECT_TRUE(rejects([](Params& p) { p.kernel_h = 4; }));
  EXPECT_TRUE(rejects([](Params& p) { p.stride_h = 0; }));
  EXPECT_TRUE(rejects([](Params& p) { p.pad_left = -1; }));
  EXPECT_TRUE(rejects([](Params& p) { p.in_stride = 5; }));
  EXPECT_TRUE(rejects([](Params& p) { p.dilation_w = 2; }));
  EXPECT_TRUE(rejects([](Params& p) { p.m_tile = 99; }));
  EXPECT_TRUE(rejects([](Params& p) { p.m_block = INT64_MAX; }));
  EXPECT_TRUE(rejects([](Params& p) { p.n_block += 1; }));
  EXPECT_TRUE(rejects([](Params& p) { p.segments = static_cast<Segments>(5); }));
  EXPECT_TRUE(rejects([](Params& p) { p.epilogue.activation = Activation::kPRelu; }));
}

std::vector<const TileRow*> WinogradRows() {
  std::vector<const TileRow*> rows;
  for (const TileRow& row : winograd::Rows()) {
    if (IsaSupported(row.base.isa)) rows.push_back(&row);
  }
  return rows;
}

TEST(Winograd, Sizes) {
  for (const TileRow* row : WinogradRows()) {
    const auto check = [&](Params p) { Check(*row, p, true, kWinograd); };
    for (int64_t size : {1, 2, 3, 4, 5, 8, 9}) check(Problem(1, size, 10 - size, 7, 5, 3, 3, 1, 1));
    for (int64_t cin : {1, 2, 3, 15, 16, 17, 33, 64}) check(Problem(1, 7, 9, cin, 20, 3, 3, 1, 1));
    for (int64_t cout : {1, 7, 8, 9, 16, 17, 31, 33, 70}) check(Problem(1, 6, 5, 10, cout, 3, 3, 1, 1));
    for (int64_t pad : {0, 1, 2, 5}) check(Problem(2, 11, 13, 20, 12, 3, 3, 1, pad));
    check(Problem(1, 40, 40, 64, 64, 3, 3, 1, 1));  // several units
    check(Problem(1, 7, 7, 512, 300, 3, 3, 1, 1));
    check(Problem(3, 30, 70, 4, 3, 3, 3, 1, 1));
  }
}

TEST(Winograd, PartsOfWiderTensorsAndCroppedOutput) {
  for (const TileRow* row : WinogradRows()) {
    for (Residual residual : {Residual::kBeforeActivation, Residual::kAfterActivation}) {
      Params p = Problem(2, 6, 7, 8, 19, 3, 3, 1, 1);
      p.in_stride += 5;
      p.out_stride += 7;
      p.residual_stride += 2;
      p.epilogue.residual = residual;
      Check(*row, p, true, kWinograd);
      p.out_h = 5;
      p.out_w = 3;
      Check(*row, p, true, kWinograd);
    }
  }
}

TEST(Winograd, Epilogues) {
  for (const TileRow* row : WinogradRows()) {
    for (const Epilogue& epilogue : AllEpilogues()) {
      Params p = Problem(1, 6, 9, 7, 37, 3, 3, 1, 1);
      p.epilogue = epilogue;
      Check(*row, p, true, kWinograd);
      Check(*row, p, false, kWinograd);
    }
  }
}

TEST(Winograd, RefusesOtherConvolutions) {
  for (Params p : {Problem(1, 6, 7, 4, 6, 3, 3, 2, 1), Problem(1, 6, 7, 4, 6, 3, 1, 1, 1),
                   Problem(1, 6, 7, 4, 6, 5, 5, 1, 1), Problem(1, 9, 9, 4, 6, 3, 3, 1, 2, 2),
                   Problem(1, 6, 7, 4, 6, 3, 3, 1, 1, 1, 2)}) {
    Choice choice{};
    EXPECT_FALSE(winograd::Choose(winograd::Rows().front(), &p, &choice).ok());
  }
  Params stored = Problem(1, 6, 7, 4, 6, 3, 3, 1, 1);
  stored.is_stored = 1;
  stored.stored = {36, stored::Format::kI8, 0};
  Choice choice{};
  EXPECT_FALSE(winograd::Choose(winograd::Rows().front(), &stored, &choice).ok());
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

INSTANTIATE_TEST_SUITE_P(Rows, ConvTest, ::testing::ValuesIn(EveryRow()), RowName);

}  // namespace
}  // namespace whet::kernels::conv
