#include "kernels/convert/convert.h"

#include <algorithm>
#include <cmath>

#include "kernels/testing.h"

namespace whet::kernels {
namespace {

template <typename From, typename To, typename F>
void CheckConvert(DType from, DType to, const std::vector<From>& values, F expected) {
  const int64_t n = static_cast<int64_t>(values.size());
  GuardedBuffer<From> in(n);
  std::copy(values.begin(), values.end(), in.data());
  for (Isa isa : RunnableIsas()) {
    GuardedBuffer<To> out(n);
    convert::Params params;
    Choice choice;
    ASSERT_TRUE(convert::Choose(isa, from, to, n, &params, &choice).ok());
    RunRow(choice, params, {ToOperand(out), ToOperand(in)});
    ExpectRefusesSmallerOperands(choice, params, {ToOperand(out), ToOperand(in)});
    for (int64_t i = 0; i < n; ++i) {
      const To want = expected(in[i]);
      ASSERT_EQ(std::memcmp(&out[i], &want, sizeof(To)), 0)
          << choice.row->name << " " << DTypeName(from) << " to " << DTypeName(to) << " at " << i << " from "
          << static_cast<double>(in[i]) << " gives " << static_cast<double>(out[i]);
    }
    ASSERT_TRUE(out.GuardsIntact());
  }
}

std::vector<float> Floats(float range) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-range, range);
  std::vector<float> values{0.0f, -0.0f, 0.99f, -0.99f, 1.5f, -1.5f, NAN};
  while (values.size() < 9001) values.push_back(uniform(random));
  return values;
}

TEST(Convert, HalvesBothWays) {
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  std::vector<uint16_t> without_nan;
  std::copy_if(all.begin(), all.end(), std::back_inserter(without_nan),
               [](uint16_t x) { return (x & 0x7fff) <= 0x7c00; });
  CheckConvert<uint16_t, float>(DType::kF16, DType::kF32, without_nan, F16ToF32);
  CheckConvert<uint16_t, float>(DType::kBF16, DType::kF32, all, BF16ToF32);
  std::vector<float> floats{0.0f,      -0.0f,    INFINITY, -INFINITY, 65504.0f,
                            65519.99f, 65520.0f, 1e-8f,    0x1p-25f,  0x1.8p-25f};
  for (size_t i = 0; i + 1 < without_nan.size(); ++i) {
    // Every half, what lies in the middle to the next one, and just beside that.
    const float x = F16ToF32(without_nan[i]), middle = x + (F16ToF32(without_nan[i + 1]) - x) / 2;
    for (float y : {x, middle, std::nextafter(middle, 0.0f), std::nextafter(middle, INFINITY)}) {
      if (!std::isnan(y)) floats.push_back(y);
    }
  }
  CheckConvert<float, uint16_t>(DType::kF32, DType::kF16, floats, F32ToF16);
  CheckConvert<float, uint16_t>(DType::kF32, DType::kBF16, floats, F32ToBF16);
  // NaN stays NaN, whatever its bits.
  for (Isa isa : RunnableIsas()) {
    for (DType to : {DType::kF16, DType::kBF16}) {
      GuardedBuffer<float> in(20);
      GuardedBuffer<uint16_t> out(20);
      std::ranges::fill(in.span(), NAN);
      convert::Params params;
      Choice choice;
      ASSERT_TRUE(convert::Choose(isa, DType::kF32, to, 20, &params, &choice).ok());
      RunRow(choice, params, {ToOperand(out), ToOperand(in)});
      for (uint16_t x : out.span()) ASSERT_TRUE(std::isnan(to == DType::kF16 ? F16ToF32(x) : BF16ToF32(x)));
    }
  }
}

TEST(Convert, FloatsAndIntegers) {
  const auto truncate = [](float x) { return std::isnan(x) ? int64_t{0} : static_cast<int64_t>(x); };
  CheckConvert<float, int8_t>(DType::kF32, DType::kI8, Floats(500),
                              [&](float x) { return static_cast<int8_t>(truncate(x)); });
  CheckConvert<float, uint8_t>(DType::kF32, DType::kU8, Floats(500),
                               [&](float x) { return static_cast<uint8_t>(truncate(x)); });
  CheckConvert<float, int16_t>(DType::kF32, DType::kI16, Floats(9e4f),
                               [&](float x) { return static_cast<int16_t>(truncate(x)); });
  CheckConvert<float, uint16_t>(DType::kF32, DType::kU16, Floats(9e4f),
                                [&](float x) { return static_cast<uint16_t>(truncate(x)); });
  CheckConvert<float, int32_t>(DType::kF32, DType::kI32, Floats(2e9f),
                               [&](float x) { return static_cast<int32_t>(truncate(x)); });
  CheckConvert<float, int64_t>(DType::kF32, DType::kI64, Floats(9e18f), truncate);
  CheckConvert<float, uint8_t>(DType::kF32, DType::kBool, Floats(2), [](float x) { return uint8_t{x != 0}; });
  CheckConvert<float, double>(DType::kF32, DType::kF64, std::vector<float>{1.5f, -3e38f, INFINITY},
                              [](float x) { return static_cast<double>(x); });

  std::mt19937_64 random(2);
  const auto integers = [&]<typename T>(T) {
    std::vector<T> values(5003);
    for (T& x : values) x = static_cast<T>(random());
    return values;
  };
  CheckConvert<int8_t, float>(DType::kI8, DType::kF32, integers(int8_t{}),
                              [](int8_t x) { return static_cast<float>(x); });
  CheckConvert<uint8_t, float>(DType::kU8, DType::kF32, integers(uint8_t{}),
                               [](uint8_t x) { return static_cast<float>(x); });
  CheckConvert<int16_t, float>(DType::kI16, DType::kF32, integers(int16_t{}),
                               [](int16_t x) { return static_cast<float>(x); });
  CheckConvert<uint16_t, float>(DType::kU16, DType::kF32, integers(uint16_t{}),
                                [](uint16_t x) { return static_cast<float>(x); });
  CheckConvert<int32_t, float>(DType::kI32, DType::kF32, integers(int32_t{}),
                               [](int32_t x) { return static_cast<float>(x); });
  CheckConvert<int64_t, float>(DType::kI64, DType::kF32, integers(int64_t{}),
                               [](int64_t x) { return static_cast<float>(x); });
  CheckConvert<double, float>(DType::kF64, DType::kF32, std::vector<double>{0.1, 1e300, -2.5},
                              [](double x) { return static_cast<float>(x); });
  CheckConvert<int32_t, int64_t>(DType::kI32, DType::kI64, integers(int32_t{}),
                                 [](int32_t x) { return int64_t{x}; });
  CheckConvert<int64_t, int32_t>(DType::kI64, DType::kI32, integers(int64_t{}),
                                 [](int64_t x) { return static_cast<int32_t>(x); });
  const std::vector<uint8_t> bits{0, 1, 1, 0, 1};
  CheckConvert<uint8_t, float>(DType::kBool, DType::kF32, bits,
                               [](uint8_t x) { return static_cast<float>(x); });
  CheckConvert<uint8_t, int32_t>(DType::kBool, DType::kI32, bits, [](uint8_t x) { return int32_t{x}; });
  CheckConvert<uint8_t, int64_t>(DType::kBool, DType::kI64, bits, [](uint8_t x) { return int64_t{x}; });
  CheckConvert<int32_t, uint8_t>(DType::kI32, DType::kBool, {0, 256, -1},
                                 [](int32_t x) { return uint8_t{x != 0}; });
  CheckConvert<int64_t, uint8_t>(DType::kI64, DType::kBool, {0, int64_t{1} << 40},
                                 [](int64_t x) { return uint8_t{x != 0}; });
}

TEST(Convert, RefusesHostileClaims) {
  convert::Params good;
  Choice choice;
  ASSERT_TRUE(convert::Choose(Isa::kPortable, DType::kF32, DType::kI8, 100, &good, &choice).ok());
  EXPECT_FALSE(convert::Choose(Isa::kPortable, DType::kF32, DType::kI4, 100, &good, &choice).ok());
  ASSERT_TRUE(convert::Choose(Isa::kPortable, DType::kF32, DType::kI8, 100, &good, &choice).ok());
  const uint64_t bytes[] = {100, 400};
  const auto with = [&](auto change) {
    convert::Params params = good;
    change(params);
    return convert::Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](auto&) {}), nullptr);
  EXPECT_NE(with([](auto& p) { p.to = DType::kI16; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.to = static_cast<DType>(99); }), nullptr);
  EXPECT_NE(with([](auto& p) { p.elements = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.elements = -1; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.block = 0; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels
