#include "fleet/telemetry/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace whet::fleet {
namespace {

std::vector<double> Lognormal(size_t count, double mean, double sigma, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> distribution(mean, sigma);
  std::vector<double> values(count);
  for (double& value : values) value = distribution(random);
  return values;
}

Histogram Of(const std::vector<double>& values) {
  Histogram histogram;
  for (const double value : values) histogram.Record(value);
  return histogram;
}

// OpenTelemetry: bucket i is (base^i, base^(i+1)], so a power of the base is the upper bound of its bucket.
TEST(HistogramTest, PowersOfTwoAreUpperBounds) {
  for (const double value : {0.25, 0.5, 1.0, 2.0, 1024.0, 0x1p-1022, 0x1p1023}) {
    Histogram histogram;
    histogram.Record(value);
    auto parts = histogram.ToParts();
    ASSERT_EQ(parts.buckets.size(), 1u);
    EXPECT_DOUBLE_EQ(std::exp2(std::ldexp(parts.offset + 1.0, -parts.scale)), value);
  }
  Histogram wide;  // so coarse that its scale is below zero
  wide.Record(0x1p-1000);
  wide.Record(1.0);
  wide.Record(0x1p1000);
  EXPECT_LT(wide.scale(), 0);
  EXPECT_LE(wide.ToParts().buckets.size(), 160u);
  EXPECT_EQ(wide.Quantile(1), 0x1p1000);
  EXPECT_EQ(wide.CountAbove(2.0), 1);
}

TEST(HistogramTest, EveryValueIsInItsBucket) {
  for (const double value : Lognormal(20000, 2, 5, 1)) {
    Histogram histogram;
    histogram.Record(value);
    const auto parts = histogram.ToParts();
    const double low = std::exp2(std::ldexp(static_cast<double>(parts.offset), -parts.scale));
    const double high = std::exp2(std::ldexp(static_cast<double>(parts.offset) + 1, -parts.scale));
    ASSERT_LT(low, value * (1 + 1e-12));
    ASSERT_GE(high, value * (1 - 1e-12));
  }
}

TEST(HistogramTest, QuantilesAreAsExactAsItSays) {
  for (const double sigma : {0.01, 0.3, 1.0, 4.0}) {
    auto values = Lognormal(50000, 3, sigma, 7);
    const Histogram histogram = Of(values);
    EXPECT_LE(histogram.ToParts().buckets.size(), 160u);
    std::ranges::sort(values);
    for (const double q : {0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0}) {
      const auto rank = static_cast<size_t>(std::clamp(q * 50000 - 1, 0.0, 49999.0));
      EXPECT_NEAR(histogram.Quantile(q) / values[rank], 1, histogram.RelativeError() + 1e-3)
          << sigma << " " << q;
      EXPECT_NEAR(histogram.CountAbove(histogram.Quantile(q)), (1 - q) * 50000, 1e-6 * 50000 + 1);
    }
    EXPECT_NEAR(histogram.mean(), std::accumulate(values.begin(), values.end(), 0.0) / 50000,
                1e-6 * histogram.mean());
  }
}

TEST(HistogramTest, MergeIsAsIfRecordedInOne) {
  const auto near = Lognormal(3000, 1, 0.1, 3);
  const auto far = Lognormal(2000, 6, 2, 4);
  auto all = near;
  all.insert(all.end(), far.begin(), far.end());
  const Histogram whole = Of(all);
  for (const bool order : {false, true}) {
    Histogram merged = Of(order ? far : near);
    ASSERT_TRUE(merged.Merge(Of(order ? near : far)).ok());
    const auto a = merged.ToParts();
    const auto b = whole.ToParts();
    EXPECT_EQ(a.scale, b.scale);
    EXPECT_EQ(a.offset, b.offset);
    EXPECT_EQ(a.buckets, b.buckets);
    EXPECT_EQ(a.count, b.count);
    EXPECT_EQ(a.min, b.min);
    EXPECT_EQ(a.max, b.max);
  }
  Histogram empty;
  ASSERT_TRUE(empty.Merge(whole).ok());
  ASSERT_TRUE(empty.Merge(Histogram()).ok());
  EXPECT_EQ(empty.ToParts().buckets, whole.ToParts().buckets);
}

TEST(HistogramTest, WhatIsNoLatency) {
  Histogram histogram;
  histogram.Record(std::numeric_limits<double>::quiet_NaN());
  histogram.Record(std::numeric_limits<double>::infinity());
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  histogram.Record(0);
  histogram.Record(-3);
  histogram.Record(5);
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.ToParts().zero_count, 2u);
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_EQ(histogram.CountAbove(0), 1);
  EXPECT_EQ(histogram.min(), 0);
}

TEST(HistogramTest, FullHistogramsAreNotMerged) {
  Histogram histogram;
  histogram.Record(1, Histogram::kMaxCount);
  histogram.Record(1);
  EXPECT_EQ(histogram.count(), Histogram::kMaxCount);
  Histogram one;
  one.Record(1);
  EXPECT_EQ(one.Merge(histogram).code(), Code::kLimitExceeded);
  EXPECT_EQ(one.count(), 1u);
}

TEST(HistogramTest, PartsComeBack) {
  const Histogram histogram = Of(Lognormal(1000, 2, 1, 9));
  auto again = Histogram::FromParts(histogram.ToParts());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->ToParts().buckets, histogram.ToParts().buckets);
  EXPECT_EQ(again->ToParts().offset, histogram.ToParts().offset);
  EXPECT_EQ(again->Quantile(0.95), histogram.Quantile(0.95));
}

TEST(HistogramTest, PartsOfAnotherWriterAreMadeToFit) {
  Histogram::Parts parts;
  parts.scale = 7;
  parts.offset = -300;
  parts.buckets.assign(600, 1);
  parts.count = 600;
  parts.sum = 902;
  parts.has_min_max = false;
  auto histogram = Histogram::FromParts(parts);
  ASSERT_TRUE(histogram.ok()) << histogram.status().ToString();
  EXPECT_LE(histogram->ToParts().buckets.size(), 160u);
  EXPECT_EQ(histogram->count(), 600u);
  EXPECT_NEAR(histogram->Quantile(0.5), 1, histogram->RelativeError());
}

TEST(HistogramTest, PartsThatLieAreRefused) {
  const Histogram::Parts good = Of({1, 2, 3}).ToParts();
  const auto refused = [&](auto change) {
    Histogram::Parts parts = good;
    change(parts);
    return !Histogram::FromParts(parts).ok();
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(refused([](auto& p) { p.scale = 21; }));
  EXPECT_TRUE(refused([](auto& p) { p.scale = -11; }));
  EXPECT_TRUE(refused([](auto& p) { p.count = 4; }));
  EXPECT_TRUE(refused([](auto& p) { p.zero_count = UINT64_MAX; }));
  EXPECT_TRUE(refused([](auto& p) { p.buckets[0] = UINT64_MAX; }));
  EXPECT_TRUE(refused([](auto& p) { p.buckets.resize(1025); }));
  EXPECT_TRUE(refused([&](auto& p) { p.sum = nan; }));
  EXPECT_TRUE(refused([](auto& p) { p.sum = -1; }));
  EXPECT_TRUE(refused([](auto& p) { p.sum = 1e9; }));
  EXPECT_TRUE(refused([&](auto& p) { p.min = nan; }));
  EXPECT_TRUE(refused([](auto& p) { p.min = 4, p.max = 3; }));
  EXPECT_TRUE(refused([](auto& p) { p.offset = INT32_MAX, p.scale = 0; }));
  EXPECT_TRUE(refused([](auto& p) { p.offset = INT32_MIN, p.scale = -10; }));
  EXPECT_FALSE(refused([](auto&) {}));
  // A minimum and maximum outside of the buckets do not move what it says.
  Histogram::Parts liar = good;
  liar.max = 1e12;
  auto histogram = Histogram::FromParts(liar);
  ASSERT_TRUE(histogram.ok());
  EXPECT_NEAR(histogram->max(), 3, 0.1);
}

}  // namespace
}  // namespace whet::fleet
