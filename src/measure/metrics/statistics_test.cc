#include "measure/metrics/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace whet {
namespace {

TEST(NormalQuantile, IsTheTablesOne) {
  EXPECT_NEAR(NormalQuantile(0.95), 1.959963984540054, 1e-9);
  EXPECT_NEAR(NormalQuantile(0.99), 2.5758293035489, 1e-9);
  EXPECT_NEAR(NormalQuantile(0.6826894921370859), 1, 1e-9);
}

// The values of R's prop.test(x, n, correct = FALSE).
TEST(WilsonInterval, IsThePublishedOne) {
  const Interval of_ten = WilsonInterval(8, 10, 0.95);
  EXPECT_NEAR(of_ten.low, 0.4901625, 1e-6);
  EXPECT_NEAR(of_ten.high, 0.9433178, 1e-6);
  const Interval none = WilsonInterval(0, 20, 0.95);
  EXPECT_EQ(none.low, 0);
  EXPECT_NEAR(none.high, 0.1611252, 1e-6);
  const Interval all = WilsonInterval(20, 20, 0.95);
  EXPECT_NEAR(all.low, 0.8388748, 1e-6);
  EXPECT_EQ(all.high, 1);
}

TEST(McNemarTest, IsExactForFewSamples) {
  EXPECT_EQ(McNemarTest(0, 0).p_value, 1);
  // 2 * (1 + 10 + 45) / 1024
  EXPECT_NEAR(McNemarTest(2, 8).p_value, 112.0 / 1024, 1e-12);
  EXPECT_NEAR(McNemarTest(8, 2).p_value, 112.0 / 1024, 1e-12);
  EXPECT_NEAR(McNemarTest(0, 10).p_value, 2.0 / 1024, 1e-12);
  EXPECT_EQ(McNemarTest(5, 5).p_value, 1);
  EXPECT_TRUE(McNemarTest(500, 500).exact);
}

TEST(McNemarTest, IsChiSquaredForMany) {
  const McNemar test = McNemarTest(560, 640);
  EXPECT_FALSE(test.exact);
  // (|560 - 640| - 1)^2 / 1200 = 5.2008; the upper tail of chi-squared with one degree of freedom.
  EXPECT_NEAR(test.p_value, 0.02257, 1e-4);
  // The two agree where they meet.
  EXPECT_NEAR(McNemarTest(470, 530).p_value, McNemarTest(471, 531).p_value, 2e-3);
}

TEST(BootstrapInterval, CoversTheMeanAsTheoryHasIt) {
  constexpr size_t kCount = 400;
  std::vector<double> values(kCount);
  std::iota(values.begin(), values.end(), 0.0);
  const auto mean = [&](std::span<const uint32_t> drawn) -> Result<double> {
    double sum = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < drawn.size(); ++i) {
      sum += drawn[i] * values[i];
      all += drawn[i];
    }
    EXPECT_EQ(all, kCount);
    return sum / static_cast<double>(all);
  };
  const auto interval = BootstrapInterval(kCount, 2000, 7, 0.95, mean);
  ASSERT_TRUE(interval.ok());
  // 199.5 -+ 1.96 * (400 / sqrt(12)) / sqrt(400)
  EXPECT_NEAR(interval->low, 199.5 - 11.3, 1);
  EXPECT_NEAR(interval->high, 199.5 + 11.3, 1);
  const auto again = BootstrapInterval(kCount, 2000, 7, 0.95, mean);
  EXPECT_EQ(again->low, interval->low);
  EXPECT_EQ(again->high, interval->high);
  EXPECT_NE(BootstrapInterval(kCount, 2000, 8, 0.95, mean)->low, interval->low);
}

TEST(BootstrapInterval, LeavesOutWhatHasNoValue) {
  const auto nothing = [](std::span<const uint32_t>) -> Result<double> { return std::nan(""); };
  EXPECT_FALSE(BootstrapInterval(5, 10, 0, 0.95, nothing).ok());
  const auto sometimes = [](std::span<const uint32_t> drawn) -> Result<double> {
    return drawn[0] > 0 ? 3 : std::nan("");
  };
  const auto interval = BootstrapInterval(5, 100, 0, 0.95, sometimes);
  ASSERT_TRUE(interval.ok());
  EXPECT_EQ(interval->low, 3);
}

}  // namespace
}  // namespace whet
