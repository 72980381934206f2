#include "fleet/telemetry/moments.h"

#include <gtest/gtest.h>

#include <limits>

namespace whet::fleet {
namespace {

TEST(MomentsTest, MeanAndVariance) {
  Moments moments;
  EXPECT_EQ(moments.variance(), 0);
  for (const double value : {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16}) moments.Add(value);
  moments.Add(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(moments.count(), 4u);
  EXPECT_DOUBLE_EQ(moments.mean(), 1e9 + 10);
  EXPECT_DOUBLE_EQ(moments.variance(), 30);
}

TEST(DriftTest, LargestShiftInStandardDeviations) {
  auto monitor = DriftMonitor::Create({0.5, 10}, {0.25, 2});
  ASSERT_TRUE(monitor.ok());
  EXPECT_EQ(monitor->Drift(), 0);
  monitor->Add(0, 0.5);
  monitor->Add(1, 4);
  monitor->Add(1, 6);
  EXPECT_DOUBLE_EQ(monitor->Drift(), 2.5);
  monitor->Reset();
  EXPECT_EQ(monitor->Drift(), 0);
}

TEST(DriftTest, ReferenceThatDoesNotVary) {
  Moments moments;
  moments.Add(1);
  EXPECT_EQ(StandardizedShift(moments, 1, 0), 0);
  EXPECT_EQ(StandardizedShift(moments, 2, 0), kMaxDrift);
  EXPECT_FALSE(DriftMonitor::Create({1}, {}).ok());
  EXPECT_FALSE(DriftMonitor::Create({1}, {-1}).ok());
}

}  // namespace
}  // namespace whet::fleet
