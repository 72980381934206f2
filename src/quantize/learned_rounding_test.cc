// Learned rounding on layers of random numbers.
#include "quantize/learned_rounding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "quantize/gptq.h"
#include "quantize/testing.h"

namespace whet::quantize {
namespace {

using testing::RandomFloat;

struct MadeLayer {
  RoundingProblem problem;
  std::vector<float> moments;
};

// 4-bit weights. Inputs have much in common, and something of their own.
MadeLayer Make(int64_t rows, int64_t columns, unsigned seed) {
  MadeLayer layer;
  RoundingProblem& problem = layer.problem;
  problem.rows = rows;
  problem.columns = columns;
  problem.least = -8;
  problem.largest = 7;
  for (int64_t i = 0; i < rows * columns; ++i) {
    problem.weights.push_back(RandomFloat(&seed, -1, 1));
    problem.scales.push_back(0.16F);
    problem.zeros.push_back(0);
  }
  constexpr int64_t kSources = 8;
  std::vector<float> mix(static_cast<size_t>(columns * kSources));
  for (float& value : mix) value = RandomFloat(&seed, -1, 1);
  for (int64_t i = 0; i < columns; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      float sum = i == j ? 0.3F : 0;
      for (int64_t k = 0; k < kSources; ++k) {
        sum += mix[static_cast<size_t>(i * kSources + k)] * mix[static_cast<size_t>(j * kSources + k)];
      }
      layer.moments.push_back(sum);
    }
  }
  problem.moments = layer.moments;
  return layer;
}

double ErrorOf(const RoundingProblem& problem, const std::vector<int32_t>& integers) {
  const std::vector<double> errors = RowErrors(problem, integers);
  return std::accumulate(errors.begin(), errors.end(), 0.0);
}

float Stored(double scale) { return static_cast<float>(scale); }

TEST(LearnRounding, LeavesLessErrorThanTheNearestAndThanGptq) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    const MadeLayer layer = Make(16, 48, seed);
    std::vector<int32_t> from_nearest = RoundToNearest(layer.problem);
    const double nearest = ErrorOf(layer.problem, from_nearest);
    LearnRounding(layer.problem, 20, &from_nearest);
    EXPECT_LT(ErrorOf(layer.problem, from_nearest), 0.5 * nearest);
    std::vector<int32_t> from_gptq =
        GptqInputs(layer.problem.moments, layer.problem.columns, {}).Round(layer.problem);
    const double gptq = ErrorOf(layer.problem, from_gptq);
    LearnRounding(layer.problem, 20, &from_gptq);
    EXPECT_LT(ErrorOf(layer.problem, from_gptq), gptq);
    for (const int32_t q : from_gptq) {
      EXPECT_GE(q, -8);
      EXPECT_LE(q, 7);
    }
  }
}

TEST(LearnRounding, EndsWhereNoStepAndNoPairOfStepsHelps) {
  constexpr size_t kColumns = 20;
  for (unsigned seed = 1; seed <= 10; ++seed) {
    const MadeLayer layer = Make(1, kColumns, seed);
    std::vector<int32_t> learned = RoundToNearest(layer.problem);
    LearnRounding(layer.problem, 50, &learned);
    const double error = ErrorOf(layer.problem, learned);
    for (size_t i = 0; i < kColumns; ++i) {
      for (size_t j = 0; j < kColumns; ++j) {
        for (const auto& [up_i, up_j] : {std::pair{1, 0}, {-1, 0}, {1, 1}, {1, -1}, {-1, 1}, {-1, -1}}) {
          std::vector<int32_t> other = learned;
          other[i] += up_i;
          other[j] += up_j;
          if (std::ranges::any_of(other, [](int32_t q) { return q < -8 || q > 7; })) continue;
          if (i == j && up_j != 0) continue;
          EXPECT_GE(ErrorOf(layer.problem, other), error * (1 - 1e-4)) << i << " " << up_i << " " << j;
        }
      }
    }
  }
}

TEST(LearnRounding, LeavesAloneWhatIsExactOrUnknown) {
  MadeLayer layer = Make(4, 20, 4);
  for (size_t i = 0; i < layer.problem.size(); ++i) {
    layer.problem.weights[i] = layer.problem.Real(i, static_cast<int32_t>(i % 15) - 7);
  }
  const std::vector<int32_t> exact = RoundToNearest(layer.problem);
  std::vector<int32_t> learned = exact;
  LearnRounding(layer.problem, 20, &learned);
  EXPECT_EQ(learned, exact);
  // Inputs that are always 0.
  MadeLayer dead = Make(4, 20, 4);
  std::ranges::fill(dead.moments, 0.0F);
  const std::vector<int32_t> nearest = RoundToNearest(dead.problem);
  learned = nearest;
  LearnRounding(dead.problem, 20, &learned);
  EXPECT_EQ(learned, nearest);
}

TEST(LearnScales, RecoversTheScalesThatMadeTheWeights) {
  MadeLayer layer = Make(4, 24, 7);
  std::vector<int32_t> scale_of, integers;
  for (int32_t k = 0; k < 24; ++k) scale_of.push_back(k / 12);
  for (size_t i = 0; i < layer.problem.size(); ++i) {
    integers.push_back(static_cast<int32_t>(i * 5 % 15) - 7);
    const float made = i / 4 < 12 ? 0.2F : 0.11F;
    layer.problem.weights[i] = made * static_cast<float>(integers[i]);
  }
  LearnScales(scale_of, integers, Stored, &layer.problem);
  for (size_t i = 0; i < layer.problem.size(); ++i) {
    EXPECT_NEAR(layer.problem.scales[i], i / 4 < 12 ? 0.2F : 0.11F, 2e-3F);
  }
}

TEST(LearnScales, LowersTheError) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    MadeLayer layer = Make(16, 48, seed);
    const std::vector<int32_t> integers = RoundToNearest(layer.problem);
    const double before = ErrorOf(layer.problem, integers);
    std::vector<int32_t> scale_of;
    for (int32_t k = 0; k < 48; ++k) scale_of.push_back(k / 16);
    LearnScales(scale_of, integers, Stored, &layer.problem);
    EXPECT_LT(ErrorOf(layer.problem, integers), before);
  }
}

TEST(LearnScales, KeepsThemWhereNothingIsKnown) {
  MadeLayer layer = Make(4, 20, 5);
  std::ranges::fill(layer.moments, 0.0F);
  const std::vector<float> before = layer.problem.scales;
  const std::vector<int32_t> scale_of(20, 0);
  LearnScales(scale_of, RoundToNearest(layer.problem), Stored, &layer.problem);
  EXPECT_EQ(layer.problem.scales, before);
}

}  // namespace
}  // namespace whet::quantize
