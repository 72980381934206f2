#include "kernels/elementwise/elementwise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/testing.h"

namespace whet::kernels::elementwise {
namespace {

// What the operators mean, one value at a time.
double Scalar(Op op, double a, double b, double c, double p, double q) {
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto clip = [](double x, double low, double high) { return std::min(std::max(x, low), high); };
  switch (op) {
    case Op::kCopy: return a;
    case Op::kNeg: return -a;
    case Op::kAbs: return std::abs(a);
    case Op::kSqrt: return std::sqrt(a);
    case Op::kRsqrt: return 1 / std::sqrt(a);
    case Op::kReciprocal: return 1 / a;
    case Op::kExp: return std::exp(a);
    case Op::kExpm1: return std::expm1(a);
    case Op::kLog: return std::log(a);
    case Op::kLog1p: return std::log1p(a);
    case Op::kSigmoid: return sigmoid(a);
    case Op::kTanh: return std::tanh(a);
    case Op::kErf: return std::erf(a);
    case Op::kRelu: return std::max(a, 0.0);
    case Op::kLeakyRelu: return a < 0 ? p * a : a;
    case Op::kClip: return clip(a, p, q);
    case Op::kHardSwish: return a * clip(a / 6 + 0.5, 0, 1);
    case Op::kHardSigmoid: return clip(p * a + q, 0, 1);
    case Op::kSilu: return a * sigmoid(p * a);
    case Op::kGelu: return 0.5 * a * (1 + std::erf(a / std::sqrt(2.0)));
    case Op::kGeluTanh: return 0.5 * a * (1 + std::tanh(std::sqrt(2 / M_PI) * (a + 0.044715 * a * a * a)));
    case Op::kElu: return a < 0 ? p * std::expm1(a) : a;
    case Op::kSelu: return q * (a < 0 ? p * std::expm1(a) : a);
    case Op::kCelu: return a < 0 ? p * std::expm1(a / p) : a;
    case Op::kSoftplus: return std::log1p(std::exp(a));
    case Op::kSoftsign: return a / (1 + std::abs(a));
    case Op::kMish: return a * std::tanh(std::log1p(std::exp(a)));
    case Op::kRound: return std::nearbyint(a);
    case Op::kFloor: return std::floor(a);
    case Op::kCeil: return std::ceil(a);
    case Op::kTrunc: return std::trunc(a);
    case Op::kSign: return a > 0 ? 1 : a < 0 ? -1 : a;
    case Op::kSquare: return a * a;
    case Op::kSin: return std::sin(a);
    case Op::kCos: return std::cos(a);
    case Op::kNot: return a == 0;
    case Op::kIsNan: return std::isnan(a);
    case Op::kIsInf: return std::isinf(a);
    case Op::kThresholdedRelu: return a > p ? a : 0;
    case Op::kAffine: return p * a + q;
    case Op::kAdd: return a + b;
    case Op::kSub: return a - b;
    case Op::kMul: return a * b;
    case Op::kDiv: return a / b;
    case Op::kMin: return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
    case Op::kMax: return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b);
    case Op::kPow: return std::pow(a, b);
    case Op::kPRelu: return a < 0 ? a * b : a;
    case Op::kLess: return a < b;
    case Op::kLessEqual: return a <= b;
    case Op::kGreater: return a > b;
    case Op::kGreaterEqual: return a >= b;
    case Op::kEqual: return a == b;
    case Op::kNotEqual: return a != b;
    case Op::kAnd: return a != 0 && b != 0;
    case Op::kOr: return a != 0 || b != 0;
    case Op::kXor: return (a != 0) != (b != 0);
    case Op::kSquaredDifference: return (a - b) * (a - b);
    case Op::kFloorMod: {
      const double r = std::fmod(a, b);
      return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }
    case Op::kFmod: return std::fmod(a, b);
    case Op::kWhere: return a != 0 ? b : c;
    case Op::kMulAdd: return a * b + c;
  }
  return NAN;
}

std::vector<Op> AllOps() {
  std::vector<Op> ops;
  for (int i = 0; i < 256; ++i) {
    if (Arity(static_cast<Op>(i)) > 0) ops.push_back(static_cast<Op>(i));
  }
  return ops;
}

void ExpectNear(float got, double want, const std::string& where) {
  if (std::isnan(want)) {
    ASSERT_TRUE(std::isnan(got)) << where << " gives " << got;
  } else if (std::isinf(want)) {
    ASSERT_EQ(got, static_cast<float>(want)) << where;
  } else {
    ASSERT_NEAR(got, want, 2e-6 * std::max(1.0, std::abs(want))) << where;
  }
}

std::vector<int64_t> DenseStrides(const std::vector<int64_t>& dims) {
  std::vector<int64_t> strides(dims.size());
  int64_t stride = 1;
  for (size_t d = dims.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= dims[d];
  }
  return strides;
}

TEST(Elementwise, EveryOperatorOnEverySize) {
  std::mt19937 random(1);
  for (Isa isa : RunnableIsas()) {
    for (Op op : AllOps()) {
      for (int64_t n : {1, 3, 7, 16, 17, 31, 67, 129, 4097}) {
        GuardedBuffer<float> in[3] = {GuardedBuffer<float>(n), GuardedBuffer<float>(n),
                                      GuardedBuffer<float>(n)};
        GuardedBuffer<float> out(n);
        for (auto& buffer : in) {
          buffer.FillRandom(random, -5, 5);
          // Equal values, zeros, halves and what is not finite now and then.
          const float odd[] = {0.0f, 1.0f, -2.5f, 0.5f, NAN, INFINITY, -INFINITY};
          for (int64_t i = 0; i < n; ++i) {
            if (random() % 4 == 0) buffer[i] = odd[random() % 7];
          }
        }
        const int arity = Arity(op);
        const Instruction program[] = {{op, Input(0), Input(1), Input(2), 0, {}, 0.3f, 0.7f}};
        const std::vector<View> views(static_cast<size_t>(arity), View{DType::kF32, {1}});
        Params params;
        Choice choice;
        const int64_t dims[] = {n};
        ASSERT_TRUE(Choose(isa, dims, View{DType::kF32, {1}}, views, {}, program, &params, &choice).ok());
        std::vector<Operand> operands{ToOperand(out)};
        for (int i = 0; i < arity; ++i) operands.push_back(ToOperand(in[i]));
        RunRow(choice, params, operands);
        ExpectRefusesSmallerOperands(choice, params, operands);
        for (int64_t i = 0; i < n; ++i) {
          // Operators that are not continuous or lose digits differ in double on what is not exact in float;
          // that the inputs are floats keeps them equal.
          const float a = in[0][i], b = in[1][i], c = in[2][i];
          if (op == Op::kFmod || op == Op::kFloorMod) {
            const double want = Scalar(op, a, b, c, 0.3f, 0.7f);
            ASSERT_TRUE((std::isnan(want) && std::isnan(out[i])) || out[i] == want ||
                        std::abs(out[i] - want) < 1e-5)
                << a << " mod " << b << " gave " << out[i] << ", not " << want;
            continue;
          }
          if ((op == Op::kSilu || op == Op::kMish || op == Op::kGelu || op == Op::kGeluTanh ||
               op == Op::kHardSwish) &&
              std::isinf(a)) {
            continue;  // 0 times infinity on the way, where the limit exists
          }
          if (op == Op::kSoftsign && std::isinf(a)) continue;
          ExpectNear(out[i], Scalar(op, a, b, c, 0.3f, 0.7f),
                     Format("%s op %d (%g, %g, %g) at %d of %d", choice.row->name, static_cast<int>(op),
                            static_cast<double>(a), static_cast<double>(b), static_cast<double>(c),
                            static_cast<int>(i), static_cast<int>(n)));
        }
        ASSERT_TRUE(out.GuardsIntact()) << choice.row->name << " op " << static_cast<int>(op) << " n " << n;
      }
    }
  }
}

// A random program over random broadcasts, permuted layouts, gaps between rows and types.
struct Case {
  std::vector<int64_t> dims;
  std::vector<View> views;  // output first
  std::vector<int64_t> elements;
  std::vector<float> constants;
  std::vector<Instruction> program;
};

Case RandomCase(std::mt19937& random) {
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  Case c;
  const int64_t rank = below(5);
  for (int64_t d = 0; d < rank; ++d) c.dims.push_back(below(4) == 0 ? 1 : 1 + below(rank > 2 ? 9 : 70));
  if (rank > 0 && below(6) == 0) c.dims[static_cast<size_t>(below(rank))] = 200 + below(1200);
  const int64_t inputs = 1 + below(4);
  for (int64_t i = 0; i <= inputs; ++i) {
    std::vector<size_t> order(c.dims.size());
    std::iota(order.begin(), order.end(), size_t{0});
    if (below(4) == 0) std::shuffle(order.begin(), order.end(), random);
    View view{DType::kF32, std::vector<int64_t>(c.dims.size())};
    const int64_t type = below(8);
    if (type == 0) view.type = DType::kBool;
    if (type == 1 && i > 0) view.type = DType::kU8;
    if (type == 2 && i > 0) view.type = DType::kI8;
    int64_t stride = below(8) == 0 ? 2 : 1;
    int64_t last = 0;
    for (size_t d = order.size(); d-- > 0;) {
      const bool broadcast = i > 0 && below(3) == 0;
      view.strides[order[d]] = broadcast ? 0 : stride;
      if (!broadcast) {
        last += (c.dims[order[d]] - 1) * stride;
        stride = stride * c.dims[order[d]] + (below(5) == 0 ? below(20) : 0);
      }
    }
    c.views.push_back(view);
    c.elements.push_back(last + 1);
  }
  c.constants = {1.5f, -0.25f};
  constexpr Op kOps[] = {Op::kAdd,   Op::kSub,     Op::kMul,      Op::kMin,   Op::kMax,
                         Op::kPRelu, Op::kSigmoid, Op::kTanh,     Op::kRelu,  Op::kClip,
                         Op::kWhere, Op::kMulAdd,  Op::kSoftsign, Op::kAffine};
  const int64_t length = below(3) == 0 ? 1 + below(20) : 1 + below(3);
  for (int64_t k = 0; k < length; ++k) {
    const auto source = [&]() -> uint8_t {
      const int64_t which = below(4);
      if (which == 0) return Constant(static_cast<int>(below(2)));
      if (which == 1 || k == 0) return Input(static_cast<int>(below(inputs)));
      return Result(static_cast<int>(which == 2 ? k - 1 : below(k)));
    };
    Instruction instruction{kOps[below(std::size(kOps))], source(), source(), source(), 0, {}, -0.5f, 0.75f};
    // A result may be 0 but for its rounding; what decides must not be.
    if (instruction.op == Op::kWhere) instruction.a = Input(static_cast<int>(below(inputs)));
    c.program.push_back(instruction);
  }
  return c;
}

double Evaluate(const Case& c, const std::vector<double>& inputs) {
  std::vector<double> results;
  const auto value = [&](uint8_t source) -> double {
    if (source < kMaxInputs) return inputs[source];
    if (source < kFirstRegister) return c.constants[source - kMaxInputs];
    return results[source - kFirstRegister];
  };
  for (const Instruction& in : c.program) {
    const int arity = Arity(in.op);
    results.push_back(
        Scalar(in.op, value(in.a), arity > 1 ? value(in.b) : 0, arity > 2 ? value(in.c) : 0, in.p, in.q));
  }
  return results.back();
}

TEST(Elementwise, RandomProgramsBroadcastsAndLayouts) {
  std::mt19937 random(2);
  for (int round = 0; round < 1500; ++round) {
    const Case c = RandomCase(random);
    std::vector<GuardedBuffer<float>> floats;
    std::vector<GuardedBuffer<int8_t>> bytes;
    for (size_t i = 0; i < c.views.size(); ++i) {
      floats.emplace_back(c.elements[i]);
      bytes.emplace_back(c.elements[i]);
      floats.back().FillRandom(random);
      for (int8_t& x : bytes.back().span()) {
        x = static_cast<int8_t>(c.views[i].type == DType::kBool ? random() % 2 : random() % 256);
      }
    }
    for (Isa isa : RunnableIsas()) {
      Params params;
      Choice choice;
      const Status status = Choose(isa, c.dims, c.views[0], std::span(c.views).subspan(1), c.constants,
                                   c.program, &params, &choice);
      ASSERT_TRUE(status.ok()) << status.ToString();
      std::vector<Operand> operands;
      for (size_t i = 0; i < c.views.size(); ++i) {
        operands.push_back(c.views[i].type == DType::kF32 ? ToOperand(floats[i]) : ToOperand(bytes[i]));
      }
      RunRow(choice, params, operands);
      ASSERT_FALSE(testing::Test::HasFailure());
      ExpectRefusesSmallerOperands(choice, params, operands);

      std::vector<int64_t> index(c.dims.size(), 0);
      for (bool more = true; more;) {
        std::vector<double> inputs;
        double got = 0;
        for (size_t i = 0; i < c.views.size(); ++i) {
          int64_t at = 0;
          for (size_t d = 0; d < index.size(); ++d) at += index[d] * c.views[i].strides[d];
          const DType type = c.views[i].type;
          const double value = type == DType::kF32  ? static_cast<double>(floats[i][at])
                               : type == DType::kI8 ? bytes[i][at]
                                                    : static_cast<uint8_t>(bytes[i][at]);
          if (i == 0) {
            got = value;
          } else {
            inputs.push_back(value);
          }
        }
        double want = Evaluate(c, inputs);
        if (c.views[0].type == DType::kBool) {
          // A value that rounding alone keeps from 0 may come out as either.
          if (std::abs(want) < 1e-5) {
            want = got;
          } else {
            want = want != 0;
          }
        }
        ASSERT_NEAR(got, want, 1e-4 * std::max(1.0, std::abs(want)))
            << choice.row->name << " round " << round;
        more = false;
        for (size_t d = index.size(); d-- > 0 && !more;) {
          more = ++index[d] < c.dims[d];
          if (!more) index[d] = 0;
        }
      }
      for (const auto& buffer : floats) ASSERT_TRUE(buffer.GuardsIntact()) << round;
      for (const auto& buffer : bytes) ASSERT_TRUE(buffer.GuardsIntact()) << round;
    }
  }
}

TEST(Elementwise, InPlace) {
  std::mt19937 random(3);
  const std::vector<int64_t> dims{50, 37};
  const View dense{DType::kF32, DenseStrides(dims)};
  const View channel{DType::kF32, {0, 1}};
  // y = relu(x * scale + x)
  const Instruction program[] = {{Op::kMulAdd, Input(0), Input(1), Input(0), 0, {}, 0, 0},
                                 {Op::kRelu, Result(0), 0, 0, 0, {}, 0, 0}};
  for (Isa isa : RunnableIsas()) {
    GuardedBuffer<float> x(50 * 37), scale(37);
    x.FillRandom(random);
    scale.FillRandom(random);
    const std::vector<float> before(x.data(), x.data() + x.size());
    Params params;
    Choice choice;
    ASSERT_TRUE(
        Choose(isa, dims, dense, std::vector<View>{dense, channel}, {}, program, &params, &choice).ok());
    RunRow(choice, params, {ToOperand(x), ToOperand(x), ToOperand(scale)});
    for (int64_t i = 0; i < x.size(); ++i) {
      ASSERT_NEAR(x[i], std::max(0.0f, before[static_cast<size_t>(i)] * (1 + scale[i % 37])), 1e-5) << i;
    }
  }
}

TEST(Elementwise, CollapsesToFewLoops) {
  Params params;
  Choice choice;
  const Instruction add[] = {{Op::kAdd, Input(0), Input(1), 0, 0, {}, 0, 0}};
  const std::vector<int64_t> dims{2, 8, 9, 16};
  const View dense{DType::kF32, DenseStrides(dims)};
  const View channel{DType::kF32, {0, 0, 0, 1}};
  ASSERT_TRUE(
      Choose(Isa::kPortable, dims, dense, std::vector<View>{dense, dense}, {}, add, &params, &choice).ok());
  EXPECT_EQ(params.size[1], 2 * 8 * 9 * 16);
  EXPECT_EQ(choice.scratch_bytes, 0u);
  ASSERT_TRUE(
      Choose(Isa::kPortable, dims, dense, std::vector<View>{dense, channel}, {}, add, &params, &choice).ok());
  EXPECT_EQ(params.dims, 2);
  EXPECT_EQ(params.size[0], 2 * 8 * 9);
  EXPECT_EQ(params.access[2], Access::kChannel);
}

TEST(Elementwise, RefusesHostileClaims) {
  Params good;
  Choice choice;
  const std::vector<int64_t> dims{40, 30};
  const View dense{DType::kF32, {30, 1}};
  const View channel{DType::kF32, {0, 1}};
  const Instruction program[] = {{Op::kAdd, Input(0), Input(1), 0, 0, {}, 0, 0},
                                 {Op::kMul, Result(0), Result(0), 0, 0, {}, 0, 0}};
  ASSERT_TRUE(
      Choose(Isa::kPortable, dims, dense, std::vector<View>{dense, channel}, {}, program, &good, &choice)
          .ok());
  const uint64_t bytes[] = {4800, 4800, 120};
  const auto refused = [&](const Params& params, int64_t units, uint64_t scratch) {
    return Validate({std::as_bytes(std::span(&params, 1)), bytes, units, scratch}) != nullptr;
  };
  EXPECT_FALSE(refused(good, choice.units, choice.scratch_bytes));
  EXPECT_TRUE(refused(good, choice.units + 1, choice.scratch_bytes));
  EXPECT_TRUE(refused(good, choice.units, choice.scratch_bytes - 1));
  const auto with = [&](auto change) {
    Params params = good;
    change(params);
    return refused(params, choice.units, choice.scratch_bytes);
  };
  EXPECT_TRUE(with([](Params& p) { p.dims = 7; }));
  EXPECT_TRUE(with([](Params& p) { p.inputs = -1; }));
  EXPECT_TRUE(with([](Params& p) { p.size[0] = INT64_MAX; }));
  EXPECT_TRUE(with([](Params& p) { p.stride[1][0] = INT64_MAX; }));
  EXPECT_TRUE(with([](Params& p) { p.stride[1][1] = -1; }));
  EXPECT_TRUE(with([](Params& p) { p.block_rows = 0; }));
  EXPECT_TRUE(with([](Params& p) { p.block_rows = INT64_MAX; }));
  EXPECT_TRUE(with([](Params& p) { p.slot = 16; }));
  EXPECT_TRUE(with([](Params& p) { p.access[2] = Access::kDense; }));
  EXPECT_TRUE(with([](Params& p) { p.type[0] = DType::kF64; }));
  EXPECT_TRUE(with([](Params& p) { p.instructions = 0; }));
  EXPECT_TRUE(with([](Params& p) { p.program[0].dst = 1; }));
  EXPECT_TRUE(with([](Params& p) { p.program[0].a = Input(2); }));
  EXPECT_TRUE(with([](Params& p) { p.program[0].c = 255; }));
  EXPECT_TRUE(with([](Params& p) { p.program[1].b = Result(1); }));
  EXPECT_TRUE(with([](Params& p) { p.program[0].op = static_cast<Op>(200); }));
}

}  // namespace
}  // namespace whet::kernels::elementwise
