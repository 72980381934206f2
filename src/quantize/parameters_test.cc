#include "quantize/parameters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "quantize/calibration.h"
#include "quantize/testing.h"

namespace whet::quantize {
namespace {

std::vector<float> Normal(size_t count, float deviation) {
  std::mt19937 random(7);
  std::vector<float> values(count);
  // Box and Muller, since the standard distributions differ between libraries.
  for (float& value : values) {
    const double a = (static_cast<double>(random()) + 1) / 4294967297.0;
    const double b = static_cast<double>(random()) / 4294967296.0;
    value = deviation * static_cast<float>(std::sqrt(-2 * std::log(a)) * std::cos(6.283185307179586 * b));
  }
  return values;
}

Observation Seen(std::span<const float> values) {
  Observation observation;
  const auto count = static_cast<int64_t>(values.size());
  Observe({DType::kF32, Shape{count}, const_cast<float*>(values.data())}, 0.9, &observation);
  return observation;
}

TEST(Histogram, CountsEveryValueWhateverTheOrder) {
  const std::vector<float> small = Normal(10000, 1);
  const std::vector<float> large = Normal(5000, 300);
  const auto add = [](Histogram& histogram, std::span<const float> values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    histogram.Add(values, *low, *high);
  };
  Histogram a, b;
  add(a, small);
  add(a, large);
  add(b, large);
  add(b, small);
  EXPECT_EQ(a.total(), 15000u);
  EXPECT_EQ(a.width_exponent(), b.width_exponent());
  // Bins of both lie on the same borders; their first bins may differ where there is nothing.
  for (size_t i = 0; i < a.counts().size(); ++i) {
    const int64_t other = a.first() + static_cast<int64_t>(i) - b.first();
    const bool inside = other >= 0 && other < static_cast<int64_t>(b.counts().size());
    // Values on a border may fall to either side where rounding did; a bin of thousands shows none of it.
    EXPECT_NEAR(static_cast<double>(a.counts()[i]),
                inside ? static_cast<double>(b.counts()[static_cast<size_t>(other)]) : 0, 2);
  }
  EXPECT_LE(a.counts().size(), static_cast<size_t>(Histogram::kBins));
}

TEST(Histogram, ZerosAndExtremes) {
  Histogram histogram;
  const std::vector<float> values = {0, 0, 1e-38F, -3e38F, 3e38F};
  histogram.Add(values, -3e38F, 3e38F);
  EXPECT_EQ(histogram.zeros(), 2u);
  EXPECT_EQ(histogram.total(), 5u);
  Histogram single;
  const std::vector<float> same(100, 5.0F);
  single.Add(same, 5, 5);
  EXPECT_EQ(single.total(), 100u);
  ASSERT_EQ(single.counts().size(), 1u);
  EXPECT_NEAR(single.Center(0), 5, 1e-3);
  // Once more with values far away: the width must grow a lot.
  const std::vector<float> far = {1e30F};
  single.Add(far, 1e30F, 1e30F);
  EXPECT_EQ(single.total(), 101u);
}

TEST(Parameters, CoverTheRangeAndRepresentZero) {
  for (DType dtype : {DType::kU8, DType::kI8, DType::kI16}) {
    for (const Range range :
         {Range{-1, 3}, Range{0, 6}, Range{2, 5}, Range{-4, -1}, Range{-1e-20, 1e-20}, Range{-1e20, 7}}) {
      for (bool symmetric : {false, true}) {
        const Parameters p = ParametersFor(range, dtype, symmetric);
        const Range covers = p.Covers();
        const auto step = static_cast<double>(p.scale);
        EXPECT_GT(p.scale, 0);
        EXPECT_LE(covers.low, std::min(range.low, 0.0) + step * 0.501);
        EXPECT_GE(covers.high, std::max(range.high, 0.0) - step * 0.501);
        EXPECT_GE(p.zero, LeastOf(dtype));
        EXPECT_LE(p.zero, LargestOf(dtype));
        if (symmetric && dtype != DType::kU8) {
          EXPECT_EQ(p.zero, 0);
        }
      }
    }
  }
  EXPECT_EQ(ParametersFor({0, 0}, DType::kU8, false).scale, 1.0F);
}

TEST(Ranges, OutliersAreClippedByAllButMinMax) {
  std::vector<float> values = Normal(200000, 1);
  values.push_back(100);
  const Observation seen = Seen(values);
  const auto high = [&](RangeMethod method) {
    return ChooseRange(seen, DType::kU8, false, {.method = method, .percentile = 99.99}).high;
  };
  EXPECT_EQ(high(RangeMethod::kMinMax), 100);
  EXPECT_EQ(high(RangeMethod::kMovingAverage), 100);  // of one sample
  for (RangeMethod method : {RangeMethod::kPercentile, RangeMethod::kEntropy}) {
    EXPECT_LT(high(method), 12) << NameOf(method);
    EXPECT_GT(high(method), 2) << NameOf(method);
  }
  // An error of 90 on one value weighs as much as coarser steps for all.
  EXPECT_LT(high(RangeMethod::kMse), 95);
  EXPECT_GT(high(RangeMethod::kMse), 12);
  // Steps of 16 bits are fine enough for the outlier.
  EXPECT_EQ(ChooseRange(seen, DType::kI16, true, {}).high, 100);
}

TEST(Ranges, MseIsNoWorseThanMinMaxByTheErrorOfTheValuesThemselves) {
  for (float deviation : {0.01F, 1.0F, 50.0F}) {
    std::vector<float> values = Normal(50000, deviation);
    for (float& value : values)
      value = std::max(value, -0.1F * deviation) * std::abs(value);  // one-sided, long tail
    const Observation seen = Seen(values);
    const auto error = [&](RangeMethod method) {
      const Parameters p =
          ParametersFor(ChooseRange(seen, DType::kU8, false, {.method = method}), DType::kU8, false);
      double sum = 0;
      for (float value : values) {
        const double q = std::clamp(
            std::nearbyint(static_cast<double>(value / p.scale)) + static_cast<double>(p.zero), 0.0, 255.0);
        const double real = (q - static_cast<double>(p.zero)) * static_cast<double>(p.scale);
        sum += (real - static_cast<double>(value)) * (real - static_cast<double>(value));
      }
      return sum;
    };
    EXPECT_LE(error(RangeMethod::kMse), error(RangeMethod::kMinMax) * 1.01);
    EXPECT_LE(error(RangeMethod::kMse), error(RangeMethod::kPercentile) * 1.05);
    EXPECT_LE(error(RangeMethod::kMse), error(RangeMethod::kEntropy) * 1.05);
  }
}

TEST(Ranges, MovingAveragesFollowTheSamples) {
  Observation observation;
  for (float high : {1.0F, 2.0F, 3.0F}) {
    const float values[] = {0, high};
    Observe({DType::kF32, Shape{2}, const_cast<float*>(values)}, 0.5, &observation);
  }
  EXPECT_DOUBLE_EQ(observation.average_high, (1 * 0.5 + 2 * 0.5) * 0.5 + 3 * 0.5);
  EXPECT_EQ(observation.high, 3);
}

TEST(Ranges, NamesAreFound) {
  for (RangeMethod method : {RangeMethod::kMinMax, RangeMethod::kMovingAverage, RangeMethod::kPercentile,
                             RangeMethod::kEntropy, RangeMethod::kMse}) {
    auto found = RangeMethodFromName(NameOf(method));
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(*found, method);
  }
  EXPECT_FALSE(RangeMethodFromName("best").ok());
}

}  // namespace
}  // namespace whet::quantize
