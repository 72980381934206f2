// Holds math.h to the errors it claims, through the elementwise kernel, against the C library in double.
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/elementwise/elementwise.h"
#include "kernels/testing.h"

namespace whet::kernels {
namespace {

using elementwise::Op;

void Apply(Isa isa, Op op, GuardedBuffer<float>& x, GuardedBuffer<float>* y, GuardedBuffer<float>& result) {
  const int64_t dims[] = {x.size()};
  const elementwise::View dense{DType::kF32, {1}};
  const std::vector<elementwise::View> inputs(y != nullptr ? 2 : 1, dense);
  const elementwise::Instruction program[] = {
      {op, elementwise::Input(0), y != nullptr ? elementwise::Input(1) : uint8_t{0}, 0, 0, {}, 1.0f, 0.0f}};
  elementwise::Params params;
  Choice choice;
  ASSERT_TRUE(elementwise::Choose(isa, dims, dense, inputs, {}, program, &params, &choice).ok());
  std::vector<Operand> operands{ToOperand(result), ToOperand(x)};
  if (y != nullptr) operands.push_back(ToOperand(*y));
  RunRow(choice, params, operands);
}

// In units of the last place of the exact result, subnormals included.
double ErrorInUlps(float got, double exact) {
  const float nearest = static_cast<float>(exact);
  if (std::isnan(nearest)) return std::isnan(got) ? 0 : INFINITY;
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest ? 0 : INFINITY;
  if (exact == 0) return got == 0 && std::signbit(got) == std::signbit(nearest) ? 0 : INFINITY;
  const int exponent = std::max(std::ilogb(exact), -126);
  return std::abs(static_cast<double>(got) - exact) / std::ldexp(1.0, exponent - 23);
}

// Every float, but for a stride through their bits, of both signs, infinities and NaN included.
GuardedBuffer<float> DenseSample(uint32_t step) {
  std::vector<float> values;
  for (uint64_t bits = 0; bits <= 0x7f800000; bits += step) {
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    values.push_back(-values.back());
  }
  // Where functions change: in small steps about 1, the overflows and the branches.
  for (float center : {1.0f, 0.88f, 3.93f, 88.72f, 103.97f, 87.34f, 0.5f, 2.0f, 1.5707964f, 9.0f, 17.0f}) {
    for (int i = -3000; i < 3000; ++i) {
      const float x = std::bit_cast<float>(std::bit_cast<int32_t>(center) + i);
      values.push_back(x);
      values.push_back(-x);
    }
  }
  for (float x : {INFINITY, -INFINITY, std::numeric_limits<float>::quiet_NaN(), 0.0f, -0.0f})
    values.push_back(x);
  GuardedBuffer<float> buffer(static_cast<int64_t>(values.size()));
  std::copy(values.begin(), values.end(), buffer.data());
  return buffer;
}

struct Function {
  const char* name;
  Op op;
  double (*exact)(double);
  double limit;
};

class MathTest : public testing::TestWithParam<Function> {};

TEST_P(MathTest, ErrorIsWithinLimit) {
  const Function& function = GetParam();
  GuardedBuffer<float> x = DenseSample(3001);
  GuardedBuffer<float> y(x.size());
  for (Isa isa : RunnableIsas()) {
    Apply(isa, function.op, x, nullptr, y);
    double worst = 0;
    float at = 0;
    for (int64_t i = 0; i < x.size(); ++i) {
      const double error = ErrorInUlps(y[i], function.exact(x[i]));
      if (error > worst) {
        worst = error;
        at = x[i];
      }
    }
    EXPECT_LE(worst, function.limit) << function.name << " on " << IsaName(isa) << " at " << at;
    RecordProperty(std::string(function.name) + "." + std::string(IsaName(isa)), std::to_string(worst));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, MathTest,
    testing::Values(
        Function{"exp", Op::kExp, std::exp, 1.5}, Function{"expm1", Op::kExpm1, std::expm1, 2},
        Function{"log", Op::kLog, std::log, 1.5}, Function{"log1p", Op::kLog1p, std::log1p, 2.5},
        Function{"sigmoid", Op::kSigmoid,
                 [](double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); },
                 3},
        Function{"tanh", Op::kTanh, std::tanh, 2.5}, Function{"erf", Op::kErf, std::erf, 2},
        Function{"sin", Op::kSin, std::sin, 2}, Function{"cos", Op::kCos, std::cos, 2},
        Function{"sqrt", Op::kSqrt, std::sqrt, 0.5}, Function{"floor", Op::kFloor, std::floor, 0},
        Function{"ceil", Op::kCeil, std::ceil, 0}, Function{"round", Op::kRound, std::nearbyint, 0},
        Function{"trunc", Op::kTrunc, std::trunc, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(PowTest, IsWithinLimitAndFollowsC) {
  const float special[] = {0.0f,        -0.0f, 1.0f,     -1.0f,     0.5f,    -0.5f,      2.0f,
                           -2.0f,       3.0f,  -3.0f,    1e-40f,    -1e-40f, 1e30f,      -1e30f,
                           16777217.0f, 0.1f,  INFINITY, -INFINITY, NAN,     1.0000001f, 33554433.0f};
  std::vector<float> bases, exponents;
  for (float base : special) {
    for (float exponent : special) {
      bases.push_back(base);
      exponents.push_back(exponent);
    }
  }
  std::mt19937 random(1);
  std::uniform_real_distribution<float> log_base(-80, 80), exponent(-3, 3), near_one(0.9f, 1.1f),
      large(-900, 900);
  for (int i = 0; i < 100000; ++i) {
    bases.push_back(std::exp(log_base(random)));
    exponents.push_back(exponent(random));
    bases.push_back(near_one(random));
    exponents.push_back(large(random));
    bases.push_back(-std::exp(log_base(random)));
    exponents.push_back(std::nearbyint(exponent(random)));
  }
  GuardedBuffer<float> x(static_cast<int64_t>(bases.size())), y(x.size()), result(x.size());
  std::copy(bases.begin(), bases.end(), x.data());
  std::copy(exponents.begin(), exponents.end(), y.data());
  for (Isa isa : RunnableIsas()) {
    Apply(isa, Op::kPow, x, &y, result);
    for (int64_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(ErrorInUlps(result[i], std::pow(static_cast<double>(x[i]), static_cast<double>(y[i]))), 1)
          << IsaName(isa) << ": " << x[i] << " ^ " << y[i] << " = " << result[i];
    }
  }
}

}  // namespace
}  // namespace whet::kernels
