#include "kernels/qconv/qconv.h"

#include <gtest/gtest.h>

#include "base/requantize.h"
#include "kernels/conv/geometry_testing.h"
#include "kernels/qdepthwise/qdepthwise.h"
#include "kernels/qwinograd/qwinograd.h"
#include "kernels/testing.h"

namespace whet::kernels::qconv {
namespace {

using Bytes = GuardedBuffer<uint8_t>;
using Ints = GuardedBuffer<int32_t>;
using Floats = GuardedBuffer<float>;

// What of the numbers is drawn, beside the geometry and the types in Params.
struct Numbers {
  DType weights = DType::kI8;
  enum { kSymmetric, kOneZero, kZeroPerChannel } weight_zero = kSymmetric;
  bool runtime_zero = false;
  bool runtime_scale = false;
  bool bias = true;
  int input_byte = -1;  // all the same, else random
  int weight_byte = -1;
};

Params Problem(auto... sizes) { return conv::Problem<Params>(sizes...); }

// m x k by k x n.
Params Product(int64_t m, int64_t n, int64_t k) { return Problem(1, 1, m, k, n, 1, 1); }

Params With(Params p, DType input, DType output) {
  p.input = input;
  p.output = output;
  p.input_zero = input == DType::kI8 ? -3 : 119;
  p.output_zero = output == DType::kI8 ? 5 : output == DType::kU8 ? 131 : 0;
  p.low = output == DType::kI8 ? -128 : 0;
  p.high = output == DType::kI8 ? 127 : output == DType::kU8 ? 255 : 0;
  return p;
}

int32_t ValueOf(uint8_t byte, DType type) { return type == DType::kI8 ? static_cast<int8_t>(byte) : byte; }

// Runs the family's row on the problem, which `choose` and `prepare` make ready, and compares with plain
// loops.
template <typename FamilyRow, typename ChooseFn, typename PrepareFn>
void CheckRow(const FamilyRow& row, Params p, const Numbers& numbers, ChooseFn choose, PrepareFn prepare) {
  SCOPED_TRACE(std::string(row.base.name) + " input " + std::to_string(p.in_h) + "x" +
               std::to_string(p.in_w) + "x" + std::to_string(p.cin) + " to " + std::to_string(p.cout) +
               " kernel " + std::to_string(p.kernel_h) + "x" + std::to_string(p.kernel_w) + " stride " +
               std::to_string(p.stride_w) + " groups " + std::to_string(p.groups) + " types " +
               std::string(DTypeName(p.input)) + " " + std::string(DTypeName(numbers.weights)) + " " +
               std::string(DTypeName(p.output)) + " weight zero " + std::to_string(numbers.weight_zero));
  std::mt19937 random(11);
  const auto draw = [&](Bytes& bytes, int same) {
    for (uint8_t& byte : bytes.span()) byte = static_cast<uint8_t>(same >= 0 ? same : random());
  };
  const int64_t out_pixels = p.batch * p.out_h * p.out_w;
  const bool depthwise = std::string_view(row.base.name).starts_with("qdepthwise");
  const int64_t channels = p.groups * p.cout;
  const int64_t cin = depthwise ? 1 : p.cin;    // that an output channel sees
  const int64_t cout = depthwise ? 1 : p.cout;  // that see the same input channels
  const int64_t taps = p.kernel_h * p.kernel_w;
  Bytes input((p.batch * p.in_h * p.in_w - 1) * p.in_stride + p.groups * p.cin);
  draw(input, numbers.input_byte);
  Bytes weights(channels * taps * cin);
  draw(weights, numbers.weight_byte);
  std::vector<int32_t> zeros(static_cast<size_t>(channels), 0), bias(static_cast<size_t>(channels));
  for (int64_t o = 0; o < channels; ++o) {
    const auto at = static_cast<size_t>(o);
    if (numbers.weight_zero == Numbers::kOneZero) zeros[at] = numbers.weights == DType::kI8 ? 17 : 99;
    if (numbers.weight_zero == Numbers::kZeroPerChannel) {
      zeros[at] = ValueOf(static_cast<uint8_t>(random()), numbers.weights);
    }
    bias[at] = static_cast<int32_t>(random() % 20001) - 10000;
  }
  Floats multiplier(channels), float_bias(channels), input_scale(1);
  // Such that results reach beyond both bounds now and then.
  const float unit = 1.0f / (60.0f * std::sqrt(static_cast<float>(taps * cin)));
  for (int64_t o = 0; o < channels; ++o)
    multiplier[o] = unit * (0.5f + static_cast<float>(random() % 100) / 100);
  float_bias.FillRandom(random, -1, 1);
  input_scale[0] = 0.37f;
  Bytes input_zero(1);
  input_zero[0] = static_cast<uint8_t>(p.input_zero);

  Choice choice{};
  ASSERT_TRUE(choose(row, &p, &choice).ok());
  // As ONNX has them: [output][input][y][x].
  const Weights given{weights.data(),
                      numbers.weights,
                      {taps * cin, p.kernel_w, 1, taps},
                      numbers.weight_zero == Numbers::kSymmetric ? nullptr : zeros.data(),
                      numbers.bias ? bias.data() : nullptr};
  const Prepared prepared = prepare(row.base, p, given, !numbers.runtime_zero);
  const auto copy = [](const auto& from) {
    GuardedBuffer<typename std::decay_t<decltype(from)>::value_type> to(static_cast<int64_t>(from.size()));
    std::copy(from.begin(), from.end(), to.data());
    return to;
  };
  auto packed = copy(prepared.weights);
  Ints offset = copy(prepared.offset), weight_zero = copy(prepared.weight_zero),
       sums = copy(prepared.weight_sums);
  const int64_t element = p.output == DType::kF32 || p.output == DType::kI32 ? 4 : 1;
  Bytes output(((out_pixels - 1) * p.out_stride + channels) * element);
  std::memset(output.data(), 0xee, output.size_bytes());
  const Operand absent{nullptr, 0};
  const bool with_float_bias = p.output == DType::kF32 && numbers.bias;
  Params used = p;
  if (numbers.runtime_zero) used.input_zero = 0;  // not to be read
  const std::vector<Operand> operands = {ToOperand(output),
                                         ToOperand(input),
                                         ToOperand(packed),
                                         ToOperand(offset),
                                         p.output == DType::kI32 ? absent : ToOperand(multiplier),
                                         prepared.weight_zero.empty() ? absent : ToOperand(weight_zero),
                                         with_float_bias ? ToOperand(float_bias) : absent,
                                         numbers.runtime_zero ? ToOperand(input_zero) : absent,
                                         numbers.runtime_zero ? ToOperand(sums) : absent,
                                         numbers.runtime_scale ? ToOperand(input_scale) : absent};
  RunRow(choice, used, operands);
  ExpectRefusesSmallerOperands(choice, used, operands);

  for (int64_t pixel = 0; pixel < out_pixels; ++pixel) {
    const int64_t image = pixel / (p.out_h * p.out_w);
    const int64_t oy = pixel / p.out_w % p.out_h, ox = pixel % p.out_w;
    for (int64_t o = 0; o < channels; ++o) {
      const auto at = static_cast<size_t>(o);
      uint32_t sum = numbers.bias ? static_cast<uint32_t>(bias[at]) : 0;
      for (int64_t ky = 0; ky < p.kernel_h; ++ky) {
        for (int64_t kx = 0; kx < p.kernel_w; ++kx) {
          const int64_t y = oy * p.stride_h - p.pad_top + ky * p.dilation_h;
          const int64_t x = ox * p.stride_w - p.pad_left + kx * p.dilation_w;
          if (y < 0 || y >= p.in_h || x < 0 || x >= p.in_w) continue;
          const uint8_t* from =
              input.data() + ((image * p.in_h + y) * p.in_w + x) * p.in_stride + o / cout * cin;
          for (int64_t i = 0; i < cin; ++i) {
            const uint8_t weight = weights[(o * cin + i) * taps + ky * p.kernel_w + kx];
            sum += static_cast<uint32_t>((ValueOf(from[i], p.input) - p.input_zero) *
                                         (ValueOf(weight, numbers.weights) - zeros[at]));
          }
        }
      }
      const auto total = static_cast<int32_t>(sum);
      const uint8_t* got = output.data() + (pixel * p.out_stride + o) * element;
      if (element == 1) {
        ASSERT_EQ(ValueOf(*got, p.output), Requantize(total, multiplier[o], p.output_zero, p.low, p.high))
            << "pixel " << pixel << " channel " << o;
      } else if (p.output == DType::kI32) {
        int32_t value;
        std::memcpy(&value, got, 4);
        ASSERT_EQ(value, total) << "pixel " << pixel << " channel " << o;
      } else {
        float value;
        std::memcpy(&value, got, 4);
        volatile float scale = multiplier[o];
        if (numbers.runtime_scale) scale = scale * input_scale[0];
        volatile float product = static_cast<float>(total) * scale;
        if (with_float_bias) product = product + float_bias[o];
        ASSERT_EQ(value, product) << "pixel " << pixel << " channel " << o;
      }
    }
    // Between the pixels nothing is written.
    for (int64_t gap = channels * element; pixel + 1 < out_pixels && gap < p.out_stride * element; ++gap) {
      ASSERT_EQ(output[pixel * p.out_stride * element + gap], 0xee);
    }
  }
  EXPECT_TRUE(output.GuardsIntact());
}

void Check(const TileRow& row, Params p, const Numbers& numbers = {}) {
  CheckRow(
      row, p, numbers,
      [](const TileRow& r, Params* params, Choice* choice) { return Choose(r, params, choice); }, Prepare);
}
void Check(const qdepthwise::DepthwiseRow& row, Params p, const Numbers& numbers = {}) {
  CheckRow(
      row, p, numbers,
      [](const qdepthwise::DepthwiseRow& r, Params* params, Choice* choice) {
        return qdepthwise::Choose(r, params, choice);
      },
      qdepthwise::Prepare);
}

template <typename FamilyRow>
std::vector<const FamilyRow*> RunnableOf(std::span<const FamilyRow> all) {
  std::vector<const FamilyRow*> rows;
  for (const FamilyRow& row : all) {
    if (IsaSupported(row.base.isa)) rows.push_back(&row);
  }
  return rows;
}
std::vector<const TileRow*> Runnable() { return RunnableOf(Rows()); }

constexpr DType kInputs[] = {DType::kI8, DType::kU8};
constexpr DType kOutputs[] = {DType::kI8, DType::kU8, DType::kI32, DType::kF32};

TEST(QConv, Products) {
  for (const TileRow* row : Runnable()) {
    for (int64_t m : {1, 2, 5, 6, 7, 13, 24, 37}) {
      for (int64_t n : {1, 3, 8, 16, 17, 31, 32, 33, 70}) {
        for (int64_t k : {1, 2, 3, 4, 5, 15, 64, 67}) {
          Check(*row, With(Product(m, n, k), kInputs[(m + n + k) % 2], kOutputs[(m + n + k) / 2 % 4]));
        }
      }
    }
    Check(*row, With(Product(130, 200, 300), DType::kU8, DType::kU8));
    Check(*row, With(Product(1, 1500, 700), DType::kI8, DType::kI8));
  }
}

TEST(QConv, TypesAndZeroPoints) {
  for (const TileRow* row : Runnable()) {
    for (DType input : kInputs) {
      for (DType weights : kInputs) {
        for (DType output : kOutputs) {
          for (auto zero : {Numbers::kSymmetric, Numbers::kOneZero, Numbers::kZeroPerChannel}) {
            for (bool at_run_time : {false, true}) {
              Numbers numbers;
              numbers.weights = weights;
              numbers.weight_zero = zero;
              numbers.runtime_zero = at_run_time;
              numbers.runtime_scale = at_run_time && output == DType::kF32;
              numbers.bias = output != DType::kI32;
              Check(*row, With(Product(9, 19, 33), input, output), numbers);
              Check(*row, With(Problem(1, 6, 5, 12, 9, 3, 3, 1, 1), input, output), numbers);
              Check(*row, With(Problem(1, 5, 5, 36, 5, 3, 3, 1, 1), input, output), numbers);
            }
          }
        }
      }
    }
  }
}

TEST(QConv, Extremes) {
  for (const TileRow* row : Runnable()) {
    for (DType input : kInputs) {
      for (int input_byte : {0x00, 0x7f, 0x80, 0xff}) {
        for (int weight_byte : {0x7f, 0x80, 0x81, 0xff}) {
          for (int32_t zero : {input == DType::kI8 ? -128 : 0, input == DType::kI8 ? 127 : 255}) {
            Numbers numbers;
            numbers.input_byte = input_byte;
            numbers.weight_byte = weight_byte;
            Params p = With(Product(3, 17, 2500), input, DType::kI32);
            p.input_zero = zero;
            Check(*row, p, numbers);
            p = With(Problem(1, 4, 4, 33, 9, 3, 3, 1, 1), input, DType::kI8);
            p.input_zero = zero;
            Check(*row, p, numbers);
          }
        }
      }
      // Sums that do not fit 32 bits wrap the same way everywhere.
      Numbers numbers;
      numbers.input_byte = 0xff;
      numbers.weights = DType::kU8;
      numbers.weight_byte = 0xff;
      Params p = With(Product(2, 3, 70000), DType::kU8, DType::kI32);
      p.input_zero = 0;
      Check(*row, p, numbers);
    }
  }
}

TEST(QConv, Geometries) {
  for (const TileRow* row : Runnable()) {
    for (DType input : kInputs) {
      const auto check = [&](Params p) { Check(*row, With(p, input, DType::kU8)); };
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
      check(Problem(1, 3, 3, 4, 40, 7, 7, 1, 3));      // more padding than image
      Params p = Problem(1, 6, 7, 36, 9, 3, 3, 1, 1);  // strided pixels
      p.in_stride = 50;
      p.out_stride = 21;
      check(p);
      p = Problem(1, 1, 25, 20, 35, 1, 1);
      p.in_stride = 23;
      p.out_stride = 64;
      check(p);
    }
  }
}

void CheckWinograd(const TileRow& row, Params p, const Numbers& numbers = {}) {
  CheckRow(
      row, p, numbers,
      [](const TileRow& r, Params* params, Choice* choice) { return qwinograd::Choose(r, params, choice); },
      qwinograd::Prepare);
}

TEST(QWinograd, Geometries) {
  for (const TileRow* row : RunnableOf(qwinograd::Rows())) {
    for (DType input : kInputs) {
      for (DType output : kOutputs) {
        const auto check = [&](Params p) { CheckWinograd(*row, With(p, input, output)); };
        for (int64_t size : {1, 2, 3, 4, 5, 8, 9}) check(Problem(1, size, 10 - size, 7, 5, 3, 3, 1, 1));
        for (int64_t cin : {1, 2, 3, 15, 16, 17, 33, 64}) check(Problem(1, 7, 9, cin, 20, 3, 3, 1, 1));
        for (int64_t cout : {1, 7, 8, 9, 16, 17, 31, 33, 70}) check(Problem(1, 6, 5, 10, cout, 3, 3, 1, 1));
        check(Problem(3, 9, 6, 8, 12, 3, 3, 1, 1));      // tiles of several images side by side
        check(Problem(1, 9, 11, 8, 12, 3, 3, 1, 0));     // no padding
        check(Problem(1, 3, 3, 8, 12, 3, 3, 1, 5));      // more padding than image
        check(Problem(1, 40, 41, 4, 8, 3, 3, 1, 1));     // several units
        Params p = Problem(1, 6, 7, 36, 9, 3, 3, 1, 1);  // strided pixels
        p.in_stride = 50;
        p.out_stride = 21;
        check(p);
      }
    }
  }
}

TEST(QWinograd, TypesAndZeroPoints) {
  for (const TileRow* row : RunnableOf(qwinograd::Rows())) {
    for (DType input : kInputs) {
      for (DType output : kOutputs) {
        for (bool at_run_time : {false, true}) {
          Numbers numbers;
          numbers.runtime_zero = at_run_time;
          numbers.runtime_scale = at_run_time && output == DType::kF32;
          numbers.bias = output != DType::kI32;
          CheckWinograd(*row, With(Problem(1, 6, 5, 12, 19, 3, 3, 1, 1), input, output), numbers);
        }
      }
    }
  }
}

// Of bytes at both ends of their range, as many as SumsFit lets through.
TEST(QWinograd, Extremes) {
  for (const TileRow* row : RunnableOf(qwinograd::Rows())) {
    for (DType input : kInputs) {
      for (int input_byte : {0x00, 0x7f, 0x80, 0xff, -1}) {
        for (int weight_byte : {0x7f, 0x80, 0x81, -1}) {
          Numbers numbers;
          numbers.input_byte = input_byte;
          numbers.weight_byte = weight_byte;
          numbers.bias = false;
          const int64_t cin = input == DType::kI8 ? 227 : 114;
          const Params p = With(Problem(1, 5, 6, cin, 9, 3, 3, 1, 1), input, DType::kI32);
          const std::vector<int8_t> weights(static_cast<size_t>(9 * 9 * cin),
                                            static_cast<int8_t>(weight_byte < 0 ? 0x80 : weight_byte));
          ASSERT_TRUE(qwinograd::SumsFit(
              p, {weights.data(), DType::kI8, {9 * cin, 3 * cin, cin, 1}, nullptr, nullptr}));
          CheckWinograd(*row, p, numbers);
        }
      }
    }
  }
}

TEST(QWinograd, SumsThatDoNotFit) {
  const Params p = With(Problem(1, 5, 5, 115, 2, 3, 3, 1, 1), DType::kU8, DType::kU8);
  std::vector<int8_t> weights(2 * 9 * 115, 1);
  const qconv::Weights given{weights.data(), DType::kI8, {9 * 115, 3 * 115, 115, 1}, nullptr, nullptr};
  EXPECT_TRUE(qwinograd::SumsFit(p, given));
  std::fill(weights.begin() + 9 * 115, weights.end(), -128);
  EXPECT_FALSE(qwinograd::SumsFit(p, given));
  const int32_t zeros[] = {0, 3};
  std::fill(weights.begin(), weights.end(), 1);
  EXPECT_FALSE(
      qwinograd::SumsFit(p, {weights.data(), DType::kI8, {9 * 115, 3 * 115, 115, 1}, zeros, nullptr}));
}

TEST(QConv, BoundsOfAnActivation) {
  for (const TileRow* row : Runnable()) {
    Params p = With(Product(20, 40, 30), DType::kI8, DType::kI8);
    p.low = 5;
    p.high = 60;
    Check(*row, p);
  }
}

TEST(QDepthwise, Geometries) {
  for (const auto* row : RunnableOf(qdepthwise::Rows())) {
    for (DType input : kInputs) {
      for (DType output : kOutputs) {
        const auto check = [&](Params p) { Check(*row, With(p, input, output)); };
        for (int64_t c : {1, 3, 8, 15, 16, 17, 32, 63, 64, 65, 130})
          check(Problem(1, 6, 7, c, c, 3, 3, 1, 1));
        for (int64_t stride : {1, 2, 3}) {
          check(Problem(2, 11, 13, 24, 24, 3, 3, stride, 1));
          check(Problem(1, 11, 13, 24, 24, 5, 5, stride, 2));
        }
        // Strips of pixels that share vectors, and what is left over of them.
        for (int64_t c : {5, 16, 17, 32, 33}) {
          for (int64_t w : {2, 33, 67, 130}) check(Problem(1, 3, w, c, c, 3, 3, 1, 1));
          check(Problem(1, 7, 71, c, c, 5, 5, 2, 2));
        }
        check(Problem(1, 9, 9, 20, 20, 3, 3, 1, 2, 2));
        check(Problem(1, 1, 40, 12, 12, 1, 7));
        check(Problem(1, 9, 3, 12, 12, 4, 2));
        check(Problem(1, 3, 3, 40, 40, 7, 7, 1, 3));
        check(Problem(1, 5, 5, 600, 600, 1, 1));
        Params p = Problem(1, 6, 7, 36, 36, 3, 3, 1, 1);
        p.in_stride = 50;
        p.out_stride = 41;
        check(p);
      }
    }
  }
}

TEST(QDepthwise, TypesAndZeroPointsAndExtremes) {
  for (const auto* row : RunnableOf(qdepthwise::Rows())) {
    for (DType input : kInputs) {
      for (DType weights : kInputs) {
        for (auto zero : {Numbers::kSymmetric, Numbers::kOneZero, Numbers::kZeroPerChannel}) {
          for (bool at_run_time : {false, true}) {
            for (int byte : {-1, 0x80, 0x7f, 0xff}) {
              Numbers numbers;
              numbers.weights = weights;
              numbers.weight_zero = zero;
              numbers.runtime_zero = at_run_time;
              numbers.input_byte = numbers.weight_byte = byte;
              Check(*row, With(Problem(1, 6, 5, 37, 37, 3, 3, 1, 1), input, DType::kI8), numbers);
              numbers.runtime_scale = at_run_time;
              Check(*row, With(Problem(1, 5, 5, 12, 12, 3, 3, 1, 1), input, DType::kF32), numbers);
            }
          }
        }
      }
    }
  }
}

TEST(QConv, RefusesWhatItDoesNotHave) {
  Choice choice{};
  Params p = With(Product(2, 2, 2), DType::kI16, DType::kI8);
  EXPECT_FALSE(Choose(Isa::kPortable, &p, &choice).ok());
  p = With(Product(2, 2, 2), DType::kI8, DType::kI8);
  p.low = -200;
  EXPECT_FALSE(Choose(Isa::kPortable, &p, &choice).ok());
}

}  // namespace
}  // namespace whet::kernels::qconv
