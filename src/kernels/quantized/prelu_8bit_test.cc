#include "kernels/quantized/prelu_8bit.h"

#include <gtest/gtest.h>

#include "base/requantize.h"
#include "kernels/testing.h"

namespace whet::kernels::prelu_8bit {
namespace {

void Check(Isa isa, int64_t rows, int64_t channels, int64_t gap, DType x_type, DType y_type, bool bounded) {
  SCOPED_TRACE(std::string(IsaName(isa)) + " " + std::to_string(rows) + "x" + std::to_string(channels));
  std::mt19937 random(7);
  Params p{};
  p.x_type = x_type;
  p.y_type = y_type;
  p.x_zero = x_type == DType::kI8 ? -9 : 140;
  p.y_zero = y_type == DType::kI8 ? 11 : 90;
  p.low = y_type == DType::kI8 ? -128 : 0;
  p.high = p.low + 255;
  if (bounded) {
    p.low += 40;
    p.high -= 30;
  }
  p.positive = 1.3F;
  p.rows = rows;
  p.channels = channels;
  p.x_stride = channels + gap;
  p.y_stride = channels + 2 * gap;
  Choice choice{};
  ASSERT_TRUE(Choose(isa, &p, &choice).ok());
  GuardedBuffer<uint8_t> x((rows - 1) * p.x_stride + channels), y((rows - 1) * p.y_stride + channels);
  GuardedBuffer<float> negative(channels);
  for (uint8_t& byte : x.span()) byte = static_cast<uint8_t>(random());
  negative.FillRandom(random, -0.5F, 1.5F);
  std::memset(y.data(), 0xee, y.size_bytes());
  const std::vector<Operand> operands = {ToOperand(y), ToOperand(x), ToOperand(negative)};
  RunRow(choice, p, operands);
  ExpectRefusesSmallerOperands(choice, p, operands);
  const auto value = [](uint8_t byte, DType type) {
    return type == DType::kI8 ? int32_t{static_cast<int8_t>(byte)} : int32_t{byte};
  };
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < channels; ++c) {
      const auto t = static_cast<float>(value(x[r * p.x_stride + c], x_type) - p.x_zero);
      const float scaled = t * (t < 0 ? negative[c] : p.positive);
      ASSERT_EQ(value(y[r * p.y_stride + c], y_type), ToSteps(scaled, p.y_zero, p.low, p.high))
          << "row " << r << " channel " << c;
    }
    for (int64_t c = channels; r + 1 < rows && c < p.y_stride; ++c) ASSERT_EQ(y[r * p.y_stride + c], 0xee);
  }
  EXPECT_TRUE(y.GuardsIntact());
}

TEST(PRelu8Bit, TypesSizesAndStrides) {
  for (Isa isa : RunnableIsas()) {
    for (int64_t channels : {1, 3, 7, 8, 15, 16, 31, 32, 33, 64, 100}) {
      for (int types = 0; types < 8; ++types) {
        const auto type = [&](int bit) { return (types & bit) != 0 ? DType::kI8 : DType::kU8; };
        Check(isa, 9, channels, types % 3, type(1), type(2), (types & 4) != 0);
      }
    }
    Check(isa, 700, 96, 0, DType::kU8, DType::kU8, false);  // several units
  }
}

TEST(PRelu8Bit, RefusesWhatItDoesNotHave) {
  Params p{};
  p.x_type = p.y_type = DType::kI16;
  p.rows = p.channels = 4;
  Choice choice{};
  EXPECT_FALSE(Choose(Isa::kPortable, &p, &choice).ok());
}

}  // namespace
}  // namespace whet::kernels::prelu_8bit
