#include "kernels/quantized/prelu.h"

#include <gtest/gtest.h>

#include "base/requantize.h"
#include "kernels/testing.h"

namespace whet::kernels::quantized_prelu {
namespace {

// Element i of integers of that type.
int32_t ValueAt(const uint8_t* data, int64_t i, DType type) {
  uint16_t half;
  std::memcpy(&half, data + 2 * i, BitsOf(type) == 16 ? 2 : 0);
  switch (type) {
    case DType::kI8: return static_cast<int8_t>(data[i]);
    case DType::kU8: return data[i];
    case DType::kI16: return static_cast<int16_t>(half);
    default: return half;
  }
}

void Check(Isa isa, int64_t rows, int64_t channels, int64_t gap, DType x_type, DType y_type, bool bounded) {
  SCOPED_TRACE(std::string(IsaName(isa)) + " " + std::to_string(rows) + "x" + std::to_string(channels));
  std::mt19937 random(7);
  Params p{};
  p.x_type = x_type;
  p.y_type = y_type;
  const auto is_signed = [](DType type) { return type == DType::kI8 || type == DType::kI16; };
  const int64_t bytes = BitsOf(x_type) / 8;
  const int32_t unit = bytes == 2 ? 256 : 1;
  p.x_zero = (is_signed(x_type) ? -9 : 140) * unit;
  p.y_zero = (is_signed(y_type) ? 11 : 90) * unit;
  p.low = is_signed(y_type) ? -128 * unit : 0;
  p.high = p.low + 256 * unit - 1;
  if (bounded) {
    p.low += 40 * unit;
    p.high -= 30 * unit;
  }
  p.positive = 1.3F;
  p.rows = rows;
  p.channels = channels;
  p.x_stride = channels + gap;
  p.y_stride = channels + 2 * gap;
  Choice choice{};
  ASSERT_TRUE(Choose(isa, &p, &choice).ok());
  GuardedBuffer<uint8_t> x(((rows - 1) * p.x_stride + channels) * bytes),
      y(((rows - 1) * p.y_stride + channels) * bytes);
  GuardedBuffer<float> negative(channels);
  for (uint8_t& byte : x.span()) byte = static_cast<uint8_t>(random());
  negative.FillRandom(random, -0.5F, 1.5F);
  std::memset(y.data(), 0xee, y.size_bytes());
  const std::vector<Operand> operands = {ToOperand(y), ToOperand(x), ToOperand(negative)};
  RunRow(choice, p, operands);
  ExpectRefusesSmallerOperands(choice, p, operands);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < channels; ++c) {
      const auto t = static_cast<float>(ValueAt(x.data(), r * p.x_stride + c, x_type) - p.x_zero);
      const float scaled = t * (t < 0 ? negative[c] : p.positive);
      ASSERT_EQ(ValueAt(y.data(), r * p.y_stride + c, y_type), ToSteps(scaled, p.y_zero, p.low, p.high))
          << "row " << r << " channel " << c;
    }
    for (int64_t gap_at = channels * bytes; r + 1 < rows && gap_at < p.y_stride * bytes; ++gap_at)
      ASSERT_EQ(y[r * p.y_stride * bytes + gap_at], 0xee);
  }
  EXPECT_TRUE(y.GuardsIntact());
}

TEST(QuantizedPRelu, TypesSizesAndStrides) {
  for (Isa isa : RunnableIsas()) {
    for (int64_t channels : {1, 3, 7, 8, 15, 16, 31, 32, 33, 64, 100}) {
      for (int types = 0; types < 8; ++types) {
        const auto type = [&](int bit) { return (types & bit) != 0 ? DType::kI8 : DType::kU8; };
        Check(isa, 9, channels, types % 3, type(1), type(2), (types & 4) != 0);
        Check(isa, 50, channels, 0, type(1), type(2), (types & 4) != 0);  // rows side by side
      }
    }
    for (int64_t channels : {1, 3, 7, 8, 9, 16, 17, 33, 64}) {
      for (DType type : {DType::kI16, DType::kU16}) {
        for (bool bounded : {false, true}) Check(isa, 9, channels, channels % 3, type, type, bounded);
      }
    }
    Check(isa, 700, 96, 0, DType::kU8, DType::kU8, false);  // several units
    Check(isa, 700, 96, 0, DType::kI16, DType::kI16, false);
  }
}

TEST(QuantizedPRelu, RefusesWhatItDoesNotHave) {
  Params p{};
  p.rows = p.channels = 4;
  Choice choice{};
  for (const auto& [x, y] : {std::pair(DType::kI32, DType::kI32), std::pair(DType::kI16, DType::kI8),
                             std::pair(DType::kI16, DType::kU16)}) {
    p.x_type = x;
    p.y_type = y;
    EXPECT_FALSE(Choose(Isa::kPortable, &p, &choice).ok());
  }
}

}  // namespace
}  // namespace whet::kernels::quantized_prelu
