#include "kernels/quantized/quantize.h"

#include <algorithm>
#include <array>
#include <limits>

#include "kernels/testing.h"

namespace whet::kernels {
namespace {

template <typename T>
void CheckQuantize(DType type, bool with_zero_point, std::mt19937& random) {
  for (const auto& [outer, channels, inner] :
       {std::array<int64_t, 3>{1, 1, 9000}, {3, 7, 33}, {11, 40, 1}, {2, 600, 1}}) {
    const int64_t n = outer * channels * inner;
    GuardedBuffer<float> x(n), scale(channels), back(n);
    GuardedBuffer<T> q(n), zero_point(channels);
    x.FillRandom(random, -30, 30);
    scale.FillRandom(random, 0.05f, 0.3f);
    // In the middle between two steps, and a float beside it.
    for (int64_t i = 0; i < n; i += 3) {
      x[i] = (static_cast<float>(random() % 200) - 99.5f) * scale[i / inner % channels];
      if (i % 2 == 0) x[i] = std::nextafter(x[i], i % 4 == 0 ? 1e9f : -1e9f);
    }
    x[0] = 1e30f;
    x[n / 2] = -std::numeric_limits<float>::infinity();
    for (T& z : zero_point.span()) z = static_cast<T>(random() % 20);
    const Operand zero = with_zero_point ? ToOperand(zero_point) : Operand{nullptr, 0};
    for (Isa isa : RunnableIsas()) {
      quantize::Params forward{type, 0, {}, outer, channels, inner, 0},
          inverse{type, 1, {}, outer, channels, inner, 0};
      Choice choice;
      ASSERT_TRUE(quantize::Choose(isa, &forward, &choice).ok());
      RunRow(choice, forward, {ToOperand(q), ToOperand(x), ToOperand(scale), zero});
      ExpectRefusesSmallerOperands(choice, forward, {ToOperand(q), ToOperand(x), ToOperand(scale), zero});
      ASSERT_TRUE(quantize::Choose(isa, &inverse, &choice).ok());
      RunRow(choice, inverse, {ToOperand(back), ToOperand(q), ToOperand(scale), zero});
      for (int64_t i = 0; i < n; ++i) {
        const int64_t c = i / inner % channels;
        const float z = with_zero_point ? static_cast<float>(zero_point[c]) : 0.0f;
        const double want =
            std::clamp<double>(std::nearbyint(static_cast<double>(x[i] / scale[c])) + static_cast<double>(z),
                               std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
        ASSERT_EQ(static_cast<double>(q[i]), want)
            << choice.row->name << " " << DTypeName(type) << " at " << i;
        ASSERT_EQ(back[i], (static_cast<float>(q[i]) - z) * scale[c]);
      }
      ASSERT_TRUE(q.GuardsIntact() && back.GuardsIntact());
    }
  }
}

TEST(Quantize, BothWays) {
  std::mt19937 random(3);
  for (bool with_zero_point : {false, true}) {
    CheckQuantize<int8_t>(DType::kI8, with_zero_point, random);
    CheckQuantize<uint8_t>(DType::kU8, with_zero_point, random);
    CheckQuantize<int16_t>(DType::kI16, with_zero_point, random);
    CheckQuantize<uint16_t>(DType::kU16, with_zero_point, random);
    ASSERT_FALSE(HasFailure());
  }
}

// Scales whose reciprocal is no normal number, and what is not a number.
TEST(Quantize, ExtremesAreTheSameEverywhere) {
  constexpr float kValues[] = {0, 1e-44f, 1e-40f, -3e-39f, 1, 3e38f, -3e38f};
  for (float scale_value : {1e-45f, 1e-38f, 1e-30f, 1.0f, 1e30f, 3e38f}) {
    for (Isa isa : RunnableIsas()) {
      GuardedBuffer<float> x(40), scale(1);
      GuardedBuffer<int8_t> q(40);
      scale[0] = scale_value;
      for (int i = 0; i < 40; ++i) x[i] = kValues[i % 7] * static_cast<float>(1 + i);
      x[3] = std::numeric_limits<float>::quiet_NaN();
      quantize::Params p{DType::kI8, 0, {}, 1, 1, 40, 0};
      Choice choice;
      ASSERT_TRUE(quantize::Choose(isa, &p, &choice).ok());
      RunRow(choice, p, {ToOperand(q), ToOperand(x), ToOperand(scale), {nullptr, 0}});
      EXPECT_EQ(q[3], -128) << "not a number is the least step";
      for (int i = 0; i < 40; ++i) {
        if (i == 3) continue;
        const double want =
            std::clamp<double>(std::nearbyint(static_cast<double>(x[i] / scale_value)), -128, 127);
        EXPECT_EQ(q[i], want) << choice.row->name << " " << x[i] << " / " << scale_value;
      }
    }
  }
}

TEST(Quantize, DequantizesBiases) {
  for (Isa isa : RunnableIsas()) {
    GuardedBuffer<int32_t> q(37);
    GuardedBuffer<float> scale(37), x(37);
    for (int i = 0; i < 37; ++i) {
      q[i] = i * 1000 - 5000;
      scale[i] = 0.5f + static_cast<float>(i);
    }
    quantize::Params p{DType::kI32, 1, {}, 1, 37, 1, 0};
    Choice choice;
    ASSERT_TRUE(quantize::Choose(isa, &p, &choice).ok());
    RunRow(choice, p, {ToOperand(x), ToOperand(q), ToOperand(scale), {nullptr, 0}});
    for (int i = 0; i < 37; ++i) EXPECT_EQ(x[i], static_cast<float>(q[i]) * scale[i]);
  }
}

TEST(Quantize, RefusesHostileClaims) {
  quantize::Params good{DType::kI8, 0, {}, 2, 3, 5, 0};
  Choice choice;
  ASSERT_TRUE(quantize::Choose(Isa::kPortable, &good, &choice).ok());
  const uint64_t bytes[] = {30, 120, 12, 0};
  const auto with = [&](auto change) {
    quantize::Params params = good;
    change(params);
    return quantize::Validate({std::as_bytes(std::span(&params, 1)), bytes, choice.units, 0});
  };
  EXPECT_EQ(with([](auto&) {}), nullptr);
  EXPECT_NE(with([](auto& p) { p.type = DType::kI32; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.inverse = 1; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.channels = INT64_MAX; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.outer = -2; }), nullptr);
  EXPECT_NE(with([](auto& p) { p.block = 0; }), nullptr);
}

}  // namespace
}  // namespace whet::kernels
