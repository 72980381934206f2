#include "kernels/qconv16/qconv16.h"

#include <gtest/gtest.h>

#include <array>

#include "base/requantize.h"
#include "kernels/conv/geometry_testing.h"
#include "kernels/qdepthwise16/qdepthwise16.h"
#include "kernels/testing.h"

namespace whet::kernels::qconv16 {
namespace {

using Bytes = GuardedBuffer<uint8_t>;

// What of the numbers is drawn, beside the geometry and the types in Params.
struct Numbers {
  bool bias = true;
  int64_t bias_reach = 100000;
  bool largest_bias = false;
  int input = -1;  // all the same bits, else random
  int weight_byte = -1;
};

Params Problem(auto... sizes) { return conv::Problem<Params>(sizes...); }
Params Product(int64_t m, int64_t n, int64_t k) { return Problem(1, 1, m, k, n, 1, 1); }

Params With(Params p, DType input, DType output, int32_t input_zero = 0) {
  p.input = input;
  p.output = output;
  p.input_zero = input == DType::kU16 ? 32768 + input_zero : input_zero;
  switch (output) {
    case DType::kI16: p.output_zero = 0, p.low = -32768, p.high = 32000; break;
    case DType::kU16: p.output_zero = 30000, p.low = 100, p.high = 65535; break;
    case DType::kI8: p.output_zero = 5, p.low = -128, p.high = 127; break;
    case DType::kU8: p.output_zero = 131, p.low = 0, p.high = 255; break;
    default: break;
  }
  return p;
}

int64_t Read(const uint8_t* p, DType type) {
  uint16_t half;
  switch (type) {
    case DType::kI8: return static_cast<int8_t>(*p);
    case DType::kU8: return *p;
    case DType::kI16: std::memcpy(&half, p, 2); return static_cast<int16_t>(half);
    default: std::memcpy(&half, p, 2); return half;
  }
}

// Runs the family's row on the problem and compares with plain loops. False if the row refuses it.
template <typename FamilyRow, typename ChooseFn, typename PrepareFn>
bool CheckRow(const FamilyRow& row, Params p, const Numbers& numbers, ChooseFn choose, PrepareFn prepare) {
  SCOPED_TRACE(std::string(row.base.name) + " input " + std::to_string(p.in_h) + "x" +
               std::to_string(p.in_w) + "x" + std::to_string(p.cin) + " to " + std::to_string(p.cout) +
               " kernel " + std::to_string(p.kernel_h) + "x" + std::to_string(p.kernel_w) + " stride " +
               std::to_string(p.stride_w) + " groups " + std::to_string(p.groups) + " types " +
               std::string(DTypeName(p.input)) + " " + std::string(DTypeName(p.output)));
  std::mt19937 random(17);
  const int64_t out_pixels = p.batch * p.out_h * p.out_w;
  const bool depthwise = std::string_view(row.base.name).starts_with("qdepthwise");
  const int64_t channels = p.groups * p.cout;
  const int64_t cin = depthwise ? 1 : p.cin;
  const int64_t cout = depthwise ? 1 : p.cout;
  const int64_t taps = p.kernel_h * p.kernel_w;
  Bytes input(2 * ((p.batch * p.in_h * p.in_w - 1) * p.in_stride + p.groups * p.cin));
  for (int64_t i = 0; i < input.size(); i += 2) {
    const auto half = static_cast<uint16_t>(numbers.input >= 0 ? numbers.input : random());
    std::memcpy(input.data() + i, &half, 2);
  }
  GuardedBuffer<int8_t> weights(channels * taps * cin);
  for (int8_t& w : weights.span()) {
    w = static_cast<int8_t>(numbers.weight_byte >= 0 ? numbers.weight_byte : random());
  }
  std::vector<int32_t> bias(static_cast<size_t>(channels));
  for (int32_t& b : bias) {
    b = static_cast<int32_t>(static_cast<int64_t>(random()) % (2 * numbers.bias_reach + 1) -
                             numbers.bias_reach);
    if (numbers.largest_bias) b = INT32_MAX;
  }
  GuardedBuffer<float> multiplier(channels), float_bias(channels);
  // Such that results reach beyond both bounds now and then.
  const bool bytes = BitsOf(p.output) == 8;
  const float unit = (bytes ? 1.0f / 256 : 1.0f) / (60.0f * std::sqrt(static_cast<float>(taps * cin)));
  for (int64_t o = 0; o < channels; ++o)
    multiplier[o] = unit * (0.5f + static_cast<float>(random() % 100) / 100);
  float_bias.FillRandom(random, -1, 1);

  // As ONNX has them: [output][input][y][x].
  const Weights given{
      weights.data(), {taps * cin, p.kernel_w, 1, taps}, numbers.bias ? bias.data() : nullptr};
  Choice choice{};
  if (!choose(row, given, &p, &choice).ok()) return false;
  const Prepared prepared = prepare(row.base, p, given);
  GuardedBuffer<int8_t> packed(static_cast<int64_t>(prepared.weights.size()));
  std::copy(prepared.weights.begin(), prepared.weights.end(), packed.data());
  GuardedBuffer<int32_t> offset(static_cast<int64_t>(prepared.offset.size()));
  std::copy(prepared.offset.begin(), prepared.offset.end(), offset.data());
  GuardedBuffer<double> wide_offset(static_cast<int64_t>(prepared.wide_offset.size()));
  std::copy(prepared.wide_offset.begin(), prepared.wide_offset.end(), wide_offset.data());
  const int64_t element = BitsOf(p.output) / 8;
  Bytes output(((out_pixels - 1) * p.out_stride + channels) * element);
  std::memset(output.data(), 0xee, output.size_bytes());
  const bool with_float_bias = p.output == DType::kF32 && numbers.bias;
  const std::vector<Operand> operands = {
      ToOperand(output),     ToOperand(input),
      ToOperand(packed),     p.wide != 0 ? ToOperand(wide_offset) : ToOperand(offset),
      ToOperand(multiplier), with_float_bias ? ToOperand(float_bias) : Operand{nullptr, 0}};
  RunRow(choice, p, operands);
  ExpectRefusesSmallerOperands(choice, p, operands);

  for (int64_t pixel = 0; pixel < out_pixels; ++pixel) {
    const int64_t image = pixel / (p.out_h * p.out_w);
    const int64_t oy = pixel / p.out_w % p.out_h, ox = pixel % p.out_w;
    for (int64_t o = 0; o < channels; ++o) {
      int64_t sum = numbers.bias ? bias[static_cast<size_t>(o)] : 0;
      for (int64_t ky = 0; ky < p.kernel_h; ++ky) {
        for (int64_t kx = 0; kx < p.kernel_w; ++kx) {
          const int64_t y = oy * p.stride_h - p.pad_top + ky * p.dilation_h;
          const int64_t x = ox * p.stride_w - p.pad_left + kx * p.dilation_w;
          if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) continue;
          const uint8_t* from =
              input.data() + 2 * (((image * p.in_h + y) * p.in_w + x) * p.in_stride + o / cout * cin);
          for (int64_t i = 0; i < cin; ++i) {
            sum += (Read(from + 2 * i, p.input) - p.input_zero) *
                   weights[(o * cin + i) * taps + ky * p.kernel_w + kx];
          }
        }
      }
      const uint8_t* got = output.data() + (pixel * p.out_stride + o) * element;
      if (p.output != DType::kF32) {
        EXPECT_EQ(Read(got, p.output), Requantize(sum, multiplier[o], p.output_zero, p.low, p.high))
            << "pixel " << pixel << " channel " << o << " sum " << sum;
      } else {
        float value;
        std::memcpy(&value, got, 4);
        volatile float product = static_cast<float>(sum) * multiplier[o];
        if (with_float_bias) product = product + float_bias[o];
        EXPECT_EQ(value, product) << "pixel " << pixel << " channel " << o;
      }
      if (testing::Test::HasFailure()) return true;
    }
    // Between the pixels nothing is written.
    for (int64_t gap = channels * element; pixel + 1 < out_pixels && gap < p.out_stride * element; ++gap) {
      EXPECT_EQ(output[pixel * p.out_stride * element + gap], 0xee);
    }
  }
  EXPECT_TRUE(output.GuardsIntact());
  return true;
}

bool Check(const TileRow& row, Params p, const Numbers& numbers = {}) {
  return CheckRow(
      row, p, numbers,
      [](const TileRow& r, const Weights& w, Params* params, Choice* choice) {
        return Choose(r, w, params, choice);
      },
      Prepare);
}
bool Check(const qdepthwise16::DepthwiseRow& row, Params p, const Numbers& numbers = {}) {
  return CheckRow(
      row, p, numbers,
      [](const qdepthwise16::DepthwiseRow& r, const Weights& w, Params* params, Choice* choice) {
        return qdepthwise16::Choose(r, w, params, choice);
      },
      qdepthwise16::Prepare);
}

template <typename FamilyRow>
std::vector<const FamilyRow*> RunnableOf(std::span<const FamilyRow> all) {
  std::vector<const FamilyRow*> rows;
  for (const FamilyRow& row : all) {
    if (IsaSupported(row.base.isa)) rows.push_back(&row);
  }
  return rows;
}

constexpr DType kInputs[] = {DType::kI16, DType::kU16};
constexpr DType kOutputs[] = {DType::kI16, DType::kU16, DType::kI8, DType::kU8, DType::kF32};

TEST(QConv16, Products) {
  for (const TileRow* row : RunnableOf(Rows())) {
    for (int64_t m : {1, 2, 5, 6, 7, 13, 24}) {
      for (int64_t n : {1, 3, 8, 16, 17, 31, 32, 33, 70}) {
        for (int64_t k : {1, 2, 3, 15, 64, 67, 509, 510, 511, 1100}) {
          const auto kind = static_cast<size_t>(m + n + k);
          EXPECT_TRUE(Check(*row, With(Product(m, n, k), kInputs[kind % 2], kOutputs[kind / 2 % 5])));
        }
      }
      ASSERT_FALSE(HasFailure());
    }
  }
}

TEST(QConv16, TypesAndZeroPoints) {
  for (const TileRow* row : RunnableOf(Rows())) {
    for (DType input : kInputs) {
      for (DType output : kOutputs) {
        for (int32_t zero : {0, -17, 3000, -32768, 32767}) {
          for (bool bias : {false, true}) {
            Numbers numbers;
            numbers.bias = bias;
            EXPECT_TRUE(Check(*row, With(Product(9, 19, 33), input, output, zero), numbers));
            EXPECT_TRUE(Check(*row, With(Problem(1, 6, 5, 12, 9, 3, 3, 1, 1), input, output, zero), numbers));
            EXPECT_TRUE(Check(*row, With(Problem(1, 5, 5, 36, 5, 3, 3, 1, 1), input, output, zero), numbers));
            ASSERT_FALSE(HasFailure());
          }
        }
      }
    }
  }
}

TEST(QConv16, ExtremesDoNotOverflow) {
  for (const TileRow* row : RunnableOf(Rows())) {
    for (DType input : kInputs) {
      for (int bits : {0x0000, 0x7fff, 0x8000, 0xffff}) {
        for (int weight_byte : {0x7f, 0x80, 0x81}) {
          for (int32_t zero : {0, -32768, 32767}) {
            for (DType output : {DType::kI16, DType::kF32}) {
              Numbers numbers;
              numbers.input = bits;
              numbers.weight_byte = weight_byte;
              numbers.bias_reach = INT32_MAX;
              for (int64_t k : {2, 510, 512, 4000})
                EXPECT_TRUE(Check(*row, With(Product(7, 18, k), input, output, zero), numbers));
              EXPECT_TRUE(
                  Check(*row, With(Problem(1, 4, 4, 66, 9, 3, 3, 1, 1), input, output, zero), numbers));
              ASSERT_FALSE(HasFailure());
            }
          }
        }
      }
    }
  }
}

TEST(QConv16, SumsOfSmallWeightsTakeOnePass) {
  const std::vector<int8_t> ones(2000, 1), large(2000, 100);
  for (const TileRow* row : RunnableOf(Rows())) {
    for (const auto& [weights, wide] : {std::pair(&ones, 0), std::pair(&large, 1)}) {
      Params p = With(Product(3, 1, 2000), DType::kI16, DType::kI16);
      Choice choice{};
      ASSERT_TRUE(Choose(*row, {weights->data(), {2000, 0, 0, 1}, nullptr}, &p, &choice).ok());
      EXPECT_EQ(p.wide, wide);
      EXPECT_EQ(p.chunk, wide != 0 ? kChunk : 0);
      // A bias that they do not hold with the products is added to them in double.
      const int32_t bias = INT32_MAX;
      ASSERT_TRUE(Choose(*row, {weights->data(), {2000, 0, 0, 1}, &bias}, &p, &choice).ok());
      EXPECT_EQ(p.wide, 1);
      EXPECT_EQ(p.chunk > 2000, wide == 0);
    }
  }
}

TEST(QConv16, Geometries) {
  for (const TileRow* row : RunnableOf(Rows())) {
    for (DType input : kInputs) {
      const auto check = [&](Params p) { EXPECT_TRUE(Check(*row, With(p, input, DType::kI16))); };
      for (int64_t cin : {1, 3, 4, 16, 31, 32, 33, 64}) check(Problem(1, 7, 9, cin, 20, 3, 3, 1, 1));
      for (int64_t stride : {1, 2, 3}) {
        check(Problem(2, 11, 13, 3, 17, 3, 3, stride, 1));
        check(Problem(1, 11, 13, 32, 5, 5, 5, stride, 2));
        check(Problem(1, 9, 8, 40, 24, 1, 1, stride, 0));
      }
      check(Problem(1, 12, 12, 8, 12, 3, 3, 1, 2, 2));
      check(Problem(1, 1, 30, 6, 12, 1, 5, 1, 0));
      check(Problem(1, 6, 6, 5, 7, 3, 3, 1, 1, 1, 4));
      check(Problem(1, 6, 6, 64, 8, 3, 3, 1, 1, 1, 2));
      check(Problem(1, 4, 4, 600, 8, 3, 3, 1, 1));     // segments cut into chunks
      check(Problem(1, 3, 3, 4, 40, 7, 7, 1, 3));      // more padding than image
      Params p = Problem(1, 6, 7, 36, 9, 3, 3, 1, 1);  // strided pixels
      p.in_stride = 50;
      p.out_stride = 21;
      check(p);
      p = Problem(1, 1, 25, 20, 35, 1, 1);
      p.in_stride = 23;
      p.out_stride = 64;
      check(p);
      ASSERT_FALSE(HasFailure());
    }
  }
}

Params Depthwise(int64_t h, int64_t w, int64_t channels, int64_t kernel_h, int64_t kernel_w, int64_t stride,
                 int64_t pad, int64_t dilation = 1) {
  return Problem(1, h, w, channels, channels, kernel_h, kernel_w, stride, pad, dilation);
}

TEST(QDepthwise16, Geometries) {
  for (const qdepthwise16::DepthwiseRow* row : RunnableOf(qdepthwise16::Rows())) {
    for (DType input : kInputs) {
      for (DType output : kOutputs) {
        const auto check = [&](Params p) { EXPECT_TRUE(Check(*row, With(p, input, output))); };
        for (int64_t channels : {1, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 100})
          check(Depthwise(5, 6, channels, 3, 3, 1, 1));
        for (int64_t size : {1, 2, 3, 4}) check(Depthwise(size, 9 - size, 20, 3, 3, 1, 1));
        check(Depthwise(9, 11, 24, 3, 3, 2, 1));
        check(Depthwise(9, 11, 24, 5, 5, 2, 2));
        check(Depthwise(9, 7, 24, 2, 2, 1, 0));
        check(Depthwise(9, 9, 12, 3, 3, 1, 2, 2));
        check(Depthwise(1, 20, 12, 1, 4, 1, 0));
        check(Depthwise(3, 3, 12, 7, 7, 1, 3));
        Params p = Depthwise(6, 7, 19, 3, 3, 1, 1);
        p.batch = 3;
        p.in_stride = 25;
        p.out_stride = 22;
        check(p);
        ASSERT_FALSE(HasFailure());
      }
    }
  }
}

TEST(QDepthwise16, ExtremesAndZeroPoints) {
  for (const qdepthwise16::DepthwiseRow* row : RunnableOf(qdepthwise16::Rows())) {
    for (DType input : kInputs) {
      for (int bits : {-1, 0x0000, 0x7fff, 0x8000, 0xffff}) {
        for (int weight_byte : {-1, 0x7f, 0x80}) {
          for (int32_t zero : {0, 5000, -32768, 32767}) {
            Numbers numbers;
            numbers.input = bits;
            numbers.weight_byte = weight_byte;
            numbers.bias_reach = 1 << 30;
            EXPECT_TRUE(
                Check(*row, With(Depthwise(4, 5, 18, 3, 3, 1, 1), input, DType::kI16, zero), numbers));
            ASSERT_FALSE(HasFailure());
          }
        }
      }
      // Where 32 bits might not hold bias and products together, and where not even these.
      Numbers numbers;
      for (DType output : kOutputs) {
        numbers.largest_bias = true;
        for (int64_t channels : {3, 18, 64})
          EXPECT_TRUE(Check(*row, With(Depthwise(4, 5, channels, 3, 3, 1, 1), input, output, 77), numbers));
      }
      numbers.weight_byte = 127;
      EXPECT_FALSE(Check(*row, With(Depthwise(30, 30, 4, 25, 25, 1, 1), input, DType::kI16), numbers));
      ASSERT_FALSE(HasFailure());
    }
  }
}

}  // namespace
}  // namespace whet::kernels::qconv16
