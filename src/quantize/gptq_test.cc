// Rounding with the inputs in mind, on layers of random numbers.
#include "quantize/gptq.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "quantize/cholesky.h"
#include "quantize/testing.h"

namespace whet::quantize {
namespace {

using testing::RandomFloat;

struct MadeLayer {
  RoundingProblem problem;
  std::vector<float> moments;
};

// Weights of that many bits, one scale a row. Inputs are sums of `sources` random numbers, so with fewer
// sources than columns their moments are singular.
MadeLayer Make(int64_t rows, int64_t columns, int64_t sources, int bits, unsigned seed, float zero = 0) {
  MadeLayer layer;
  RoundingProblem& problem = layer.problem;
  problem.rows = rows;
  problem.columns = columns;
  problem.largest = std::ldexp(1.0F, bits - 1) - 1 + zero;
  problem.least = -std::ldexp(1.0F, bits - 1) + zero;
  for (int64_t i = 0; i < rows * columns; ++i) {
    problem.weights.push_back(RandomFloat(&seed, -1, 1));
    problem.scales.push_back(1.0F / std::ldexp(1.0F, bits - 1));
    problem.zeros.push_back(zero);
  }
  std::vector<float> mix(static_cast<size_t>(columns * sources));
  for (float& value : mix) value = RandomFloat(&seed, -1, 1);
  layer.moments.assign(static_cast<size_t>(columns * columns), 0);
  for (int64_t i = 0; i < columns; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < sources; ++k) {
        sum += mix[static_cast<size_t>(i * sources + k)] * mix[static_cast<size_t>(j * sources + k)];
      }
      layer.moments[static_cast<size_t>(i * columns + j)] = sum;
    }
  }
  problem.moments = layer.moments;
  return layer;
}

std::vector<int32_t> RoundByGptq(const RoundingProblem& problem, const GptqOptions& options) {
  return GptqInputs(problem.moments, problem.columns, options).Round(problem);
}

double Sum(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

TEST(Gptq, LessErrorThanTheNearestWhereInputsAreCorrelated) {
  for (const int bits : {4, 8}) {
    for (unsigned seed = 1; seed <= 5; ++seed) {
      for (const float zero : {0.0F, 8.0F}) {
        const MadeLayer layer = Make(24, 70, 40, bits, seed, zero);
        const std::vector<int32_t> nearest = RoundToNearest(layer.problem);
        for (const bool ordered : {false, true}) {
          const std::vector<int32_t> chosen =
              RoundByGptq(layer.problem, {.activation_order = ordered, .block = 16});
          EXPECT_LT(Sum(RowErrors(layer.problem, chosen)), 0.5 * Sum(RowErrors(layer.problem, nearest)));
          for (const int32_t q : chosen) {
            EXPECT_GE(static_cast<float>(q), layer.problem.least);
            EXPECT_LE(static_cast<float>(q), layer.problem.largest);
          }
        }
      }
    }
  }
}

TEST(Gptq, NoRowIsWorseThanRoundedToNearest) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const MadeLayer layer = Make(16, 12, 12, 4, seed);
    const std::vector<double> nearest = RowErrors(layer.problem, RoundToNearest(layer.problem));
    const std::vector<double> chosen = RowErrors(layer.problem, RoundByGptq(layer.problem, {}));
    for (size_t r = 0; r < nearest.size(); ++r) EXPECT_LE(chosen[r], nearest[r]);
  }
}

TEST(Gptq, IndependentInputsLeaveTheNearest) {
  MadeLayer layer = Make(8, 10, 10, 4, 3);
  for (size_t i = 0; i < layer.moments.size(); ++i) layer.moments[i] = i % 11 == 0 ? 2.0F : 0.0F;
  EXPECT_EQ(RoundByGptq(layer.problem, {}), RoundToNearest(layer.problem));
}

TEST(Gptq, WeightsOnTheGridStay) {
  MadeLayer layer = Make(8, 20, 5, 4, 4);
  for (size_t i = 0; i < layer.problem.size(); ++i) {
    layer.problem.weights[i] = layer.problem.Real(i, static_cast<int32_t>(i * 7 % 15) - 7);
  }
  const std::vector<int32_t> chosen = RoundByGptq(layer.problem, {});
  for (size_t i = 0; i < chosen.size(); ++i) EXPECT_EQ(chosen[i], static_cast<int32_t>(i * 7 % 15) - 7);
}

TEST(Gptq, TheBlockSizeOnlyDecidesWhenUpdatesHappen) {
  const MadeLayer layer = Make(16, 50, 30, 4, 7);
  const double whole = Sum(RowErrors(layer.problem, RoundByGptq(layer.problem, {.block = 50})));
  for (const int64_t block : {1, 7, 49, 1000}) {
    EXPECT_NEAR(Sum(RowErrors(layer.problem, RoundByGptq(layer.problem, {.block = block}))) / whole, 1, 0.02);
  }
}

TEST(Gptq, InputsThatAreAlwaysZeroAndOnesThatAreTheSame) {
  MadeLayer layer = Make(8, 12, 3, 4, 9);
  const auto at = [&](size_t i, size_t j) -> float& { return layer.moments[i * 12 + j]; };
  for (size_t i = 0; i < 12; ++i) at(5, i) = at(i, 5) = 0;
  for (size_t i = 0; i < 12; ++i) at(3, i) = at(2, i);
  for (size_t i = 0; i < 12; ++i) at(i, 3) = at(i, 2);
  const std::vector<int32_t> nearest = RoundToNearest(layer.problem);
  const std::vector<int32_t> chosen = RoundByGptq(layer.problem, {.dampening = 0});
  for (size_t r = 0; r < 8; ++r) EXPECT_EQ(chosen[5 * 8 + r], nearest[5 * 8 + r]);
  EXPECT_LT(Sum(RowErrors(layer.problem, chosen)), Sum(RowErrors(layer.problem, nearest)));
  // Nothing at all is known of the inputs.
  std::ranges::fill(layer.moments, 0.0F);
  EXPECT_EQ(RoundByGptq(layer.problem, {}), nearest);
}

TEST(Gptq, ImportanceIsWhatAnErrorCostsInTheEnd) {
  // Of two inputs that go together to that degree.
  const float moments[] = {4, 3, 3, 9};
  const GptqInputs inputs(moments, 2, {.dampening = 0});
  const float determinant = 4 * 9 - 3 * 3;
  EXPECT_NEAR(inputs.importance()[0], determinant / 9, 1e-5);
  EXPECT_NEAR(inputs.importance()[1], determinant / 4, 1e-5);
}

TEST(Rounding, ErrorsAreThoseOfTheOutput) {
  const MadeLayer layer = Make(3, 4, 1, 4, 11);
  // With one source the inputs are always in the same proportion, the square roots of their own moments.
  const std::vector<int32_t> nearest = RoundToNearest(layer.problem);
  const std::vector<double> errors = RowErrors(layer.problem, nearest);
  for (size_t r = 0; r < 3; ++r) {
    double error = 0;
    for (size_t c = 0; c < 4; ++c) {
      const float moment = layer.moments[c * 4 + c];
      const double x = std::sqrt(static_cast<double>(moment)) * (layer.moments[c] < 0 ? -1 : 1);
      const size_t i = c * 3 + r;
      error += x * static_cast<double>(layer.problem.weights[i] - layer.problem.Real(i, nearest[i]));
    }
    EXPECT_NEAR(errors[r], error * error, 1e-5);
  }
}

TEST(Cholesky, FactorsAndInverts) {
  for (const size_t n : {1u, 2u, 31u, 32u, 33u, 100u}) {
    unsigned seed = static_cast<unsigned>(n);
    std::vector<double> a(n * n);
    for (double& value : a) value = static_cast<double>(RandomFloat(&seed, -1, 1));
    std::vector<double> matrix(n * n, 0);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        for (size_t k = 0; k < n; ++k) matrix[i * n + j] += a[i * n + k] * a[j * n + k];
      }
      matrix[i * n + i] += 0.5;
    }
    std::vector<double> factor = matrix;
    ASSERT_TRUE(ReverseCholesky(factor, n));
    const std::vector<double> inverse = InvertLowerTriangle(factor, n);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) {
        double product = 0, identity = 0;
        for (size_t k = 0; k < n; ++k) {
          product += factor[k * n + i] * factor[k * n + j];
          identity += factor[i * n + k] * inverse[k * n + j];
        }
        EXPECT_NEAR(product, matrix[i * n + j], 1e-9);
        EXPECT_NEAR(identity, i == j ? 1 : 0, 1e-9);
      }
    }
  }
}

TEST(Cholesky, RefusesWhatIsNotPositiveDefinite) {
  std::vector<double> singular = {1, 1, 1, 1};
  EXPECT_FALSE(ReverseCholesky(singular, 2));
  std::vector<double> negative = {1, 0, 0, -1};
  EXPECT_FALSE(ReverseCholesky(negative, 2));
  std::vector<double> nan = {1, 0, 0, std::nan("")};
  EXPECT_FALSE(ReverseCholesky(nan, 2));
}

}  // namespace
}  // namespace whet::quantize
