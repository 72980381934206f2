#include "fleet/rollout/evidence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace whet::fleet {
namespace {

// The share of 1000 runs without an effect in which looking after each of 300 steps finds "evidence" at
// `alpha`.
template <typename Step>
double FalseAlarms(double alpha, Step step) {
  constexpr int kRuns = 1000;
  int alarms = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::mt19937_64 random(static_cast<uint64_t>(run) + 1);
    bool alarm = false;
    step(random, [&](double log_evidence) { alarm = alarm || AlwaysValidP(log_evidence) <= alpha; });
    alarms += alarm;
  }
  return static_cast<double>(alarms) / kRuns;
}

TEST(EvidenceTest, LookingOftenMakesNoFalseAlarmsOfADifference) {
  const double alarms = FalseAlarms(0.05, [](std::mt19937_64& random, auto look) {
    std::normal_distribution<double> normal;
    double sum = 0;
    for (int i = 1; i <= 300; ++i) {
      sum += normal(random);
      // An estimate whose truth is the bound itself: the worst case of the null hypothesis.
      look(LogEvidenceAbove({sum / i + 0.7, 1 / std::sqrt(i)}, 0.7, 0.2));
    }
  });
  EXPECT_LE(alarms, 0.05);
  EXPECT_GE(alarms, 0.005);  // and it does look: a test that never alarms would pass too
}

TEST(EvidenceTest, LookingOftenMakesNoFalseAlarmsOfARate) {
  for (const bool above : {true, false}) {
    const double alarms = FalseAlarms(0.05, [&](std::mt19937_64& random, auto look) {
      std::bernoulli_distribution fails(0.05);
      double failures = 0;
      for (int i = 1; i <= 300; ++i) {
        failures += fails(random) ? 1 : 0;
        look(above ? LogEvidenceRateAbove(failures, i, 0.05) : LogEvidenceRateBelow(failures, i, 0.05));
      }
    });
    EXPECT_LE(alarms, 0.05) << above;
    EXPECT_GE(alarms, 0.002) << above;
  }
}

// With devices as clusters, each saying the same thing 50 times, the naive standard error would be 7 times
// too small.
TEST(EvidenceTest, ADevicesWordCountsOnce) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal;
  int covered = 0;
  for (int run = 0; run < 2000; ++run) {
    RatioSums sums;
    for (int device = 0; device < 60; ++device) {
      const double bad =
          normal(random) < -1 ? 40 : 0;  // 15.87 % of the devices are bad, in 40 of 50 inferences
      sums.Add(bad, 50);
    }
    const Estimate estimate = EstimateRatio(sums, true);
    covered += std::abs(estimate.value - 0.158655 * 0.8) < 1.96 * estimate.standard_error;
  }
  EXPECT_GT(covered, 1800);
  EXPECT_LT(covered, 1960);
}

TEST(EvidenceTest, FewDevicesAndNoEventsAreNoCertainty) {
  RatioSums few;
  for (int i = 0; i < 7; ++i) few.Add(1, 1);
  EXPECT_EQ(EstimateRatio(few, true).standard_error, 0);
  EXPECT_EQ(AlwaysValidP(LogEvidenceAbove(EstimateRatio(few, true), 0.1, 0.1)), 1);
  RatioSums none;
  for (int i = 0; i < 40; ++i) none.Add(0, 1);
  EXPECT_GT(EstimateRatio(none, true).standard_error, 0.02);
  EXPECT_EQ(EstimateRatio(RatioSums(), true).standard_error, 0);
}

TEST(EvidenceTest, SumsCanBeTakenBack) {
  RatioSums sums;
  sums.Add(1, 3);
  sums.Add(2, 5);
  sums.Add(2, 5, -1);
  sums.Add(7, 0);
  EXPECT_EQ(sums.devices, 1);
  EXPECT_EQ(sums.yy, 1);
  EXPECT_EQ(sums.yn, 3);
  EXPECT_EQ(sums.nn, 9);
}

TEST(EvidenceTest, GrowsWithTheEffect) {
  const auto above = [](double value) { return LogEvidenceAbove({value, 0.001}, 0.01, 0.01); };
  EXPECT_LT(AlwaysValidP(above(0.02)), 1e-10);
  EXPECT_EQ(AlwaysValidP(above(0.01)), 1);
  EXPECT_EQ(AlwaysValidP(above(-0.9)), 1);
  EXPECT_TRUE(std::isfinite(above(0.9)));
  EXPECT_NEAR(LogEvidenceBelow({0, 0.001}, 0.01, 0.01), above(0.02), 1e-9);
  EXPECT_LT(AlwaysValidP(LogEvidenceRateAbove(10, 20, 0.05)), 1e-4);
  EXPECT_LT(AlwaysValidP(LogEvidenceRateBelow(0, 200, 0.05)), 0.001);
  EXPECT_EQ(AlwaysValidP(LogEvidenceRateAbove(0, 0, 0.05)), 1);
}

}  // namespace
}  // namespace whet::fleet
