#include "kernels/weight_gemm/weight_gemm.h"

#include <gtest/gtest.h>

#include "kernels/stored/stored_testing.h"
#include "kernels/testing.h"

namespace whet::kernels::weight_gemm {
namespace {

using stored::Format;

struct Problem {
  int64_t m, n, k, group;
  Format format;
  bool zeros = false;
  Epilogue epilogue = {};
  bool bias = true;
};

std::vector<const PanelRow*> Runnable() {
  std::vector<const PanelRow*> rows;
  for (const PanelRow& row : Rows()) {
    if (IsaSupported(row.base.isa)) rows.push_back(&row);
  }
  return rows;
}

void Check(const PanelRow& row, const Problem& problem) {
  SCOPED_TRACE(std::string(row.base.name) + " " + std::to_string(problem.m) + "x" +
               std::to_string(problem.n) + "x" + std::to_string(problem.k) + " group " +
               std::to_string(problem.group) + " format " + std::to_string(static_cast<int>(problem.format)) +
               " zeros " + std::to_string(problem.zeros));
  std::mt19937 random(3);
  const int64_t m = problem.m, n = problem.n, k = problem.k;
  const bool residual = problem.epilogue.residual != Residual::kNone;
  Params p;
  p.m = m;
  p.n = n;
  p.k = k;
  p.form.group = problem.group;
  p.form.format = problem.format;
  p.form.has_zeros = problem.zeros ? 1 : 0;
  p.epilogue = problem.epilogue;
  p.lda = k + 3;
  p.ldc = n + 5;
  p.ldr = residual ? n + 2 : 0;
  Choice choice{};
  ASSERT_TRUE(Choose(row, &p, &choice).ok());

  const stored::TestMatrix matrix(p.form, k, n, random);
  const std::vector<uint8_t> made = Pack(row.base, p, matrix.weights());
  GuardedBuffer<uint8_t> packed(static_cast<int64_t>(made.size()));
  std::copy(made.begin(), made.end(), packed.data());

  GuardedBuffer<float> a((m - 1) * p.lda + k), c((m - 1) * p.ldc + n), bias(n), slope(n),
      r(residual ? (m - 1) * p.ldr + n : 0);
  a.FillRandom(random, -1, 1);
  bias.FillRandom(random);
  slope.FillRandom(random);
  r.FillRandom(random);
  std::fill(c.span().begin(), c.span().end(), 77.0f);
  const bool prelu = p.epilogue.activation == Activation::kPRelu;
  const Operand absent{nullptr, 0};
  const std::vector<Operand> operands = {ToOperand(c),
                                         ToOperand(a),
                                         ToOperand(packed),
                                         problem.bias ? ToOperand(bias) : absent,
                                         residual ? ToOperand(r) : absent,
                                         prelu ? ToOperand(slope) : absent};
  RunRow(choice, p, operands);
  ExpectRefusesSmallerOperands(choice, p, operands);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = problem.bias ? static_cast<double>(bias[j]) : 0;
      double magnitude = 1;
      for (int64_t at = 0; at < k; ++at) {
        const double product = static_cast<double>(a[i * p.lda + at]) *
                               static_cast<double>(matrix.values[static_cast<size_t>(at * n + j)]);
        sum += product;
        magnitude += std::fabs(product);
      }
      if (p.epilogue.residual == Residual::kBeforeActivation) sum += static_cast<double>(r[i * p.ldr + j]);
      if (prelu && sum < 0) sum *= static_cast<double>(slope[j]);
      if (p.epilogue.activation == Activation::kClip)
        sum = std::fmin(std::fmax(sum, static_cast<double>(p.epilogue.a)), static_cast<double>(p.epilogue.b));
      if (p.epilogue.activation == Activation::kTanh) sum = std::tanh(sum);
      if (p.epilogue.residual == Residual::kAfterActivation) sum += static_cast<double>(r[i * p.ldr + j]);
      ASSERT_NEAR(static_cast<double>(c[i * p.ldc + j]), sum, 1e-6 * magnitude)
          << "row " << i << " column " << j;
    }
    for (int64_t gap = n; i + 1 < m && gap < p.ldc; ++gap) ASSERT_EQ(c[i * p.ldc + gap], 77.0f);
  }
  EXPECT_TRUE(c.GuardsIntact());
}

constexpr Format kFormats[] = {Format::kF16, Format::kI8, Format::kU4, Format::kBf16};

TEST(WeightGemm, Sizes) {
  for (const PanelRow* row : Runnable()) {
    for (Format format : kFormats) {
      for (int64_t m = 1; m <= kMostRows; ++m) Check(*row, {m, 40, 70, 70, format});
      for (int64_t n : {1, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100}) Check(*row, {2, n, 33, 33, format});
      for (int64_t k : {1, 2, 3, 31, 32, 65}) Check(*row, {3, 20, k, k, format});
    }
  }
}

TEST(WeightGemm, GroupsAndZeros) {
  for (const PanelRow* row : Runnable()) {
    for (Format format : {Format::kI8, Format::kU4}) {
      for (bool zeros : {false, true}) {
        for (int64_t group : {2, 16, 32, 64, 96}) {
          for (int64_t k : {96, 97, 130}) Check(*row, {2, 35, k, group, format, zeros});
        }
      }
    }
    Check(*row, {1, 1000, 512, 64, Format::kU4, true});  // several units
  }
}

TEST(WeightGemm, Epilogues) {
  for (const PanelRow* row : Runnable()) {
    for (Format format : kFormats) {
      for (Activation activation :
           {Activation::kNone, Activation::kClip, Activation::kPRelu, Activation::kTanh}) {
        for (Residual residual : {Residual::kNone, Residual::kBeforeActivation, Residual::kAfterActivation}) {
          for (bool bias : {false, true})
            Check(*row, {2, 21, 32, 32, format, false, {activation, residual, -0.5f, 0.5f}, bias});
        }
      }
    }
  }
}

TEST(WeightGemm, RefusesWhatItDoesNotHave) {
  Choice choice{};
  Params p;
  p.m = kMostRows + 1;
  p.n = p.k = p.form.group = 64;
  EXPECT_FALSE(Choose(Isa::kPortable, &p, &choice).ok());
  p.m = 1;
  p.form.group = 33;
  p.form.format = Format::kU4;
  EXPECT_FALSE(Choose(Isa::kPortable, &p, &choice).ok());
}

}  // namespace
}  // namespace whet::kernels::weight_gemm
