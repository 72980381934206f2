#include "fleet/telemetry/health.h"

#include <gtest/gtest.h>

#include <limits>

namespace whet::fleet {
namespace {

TEST(HealthTest, UnknownWithoutData) {
  HealthMonitor monitor;
  EXPECT_EQ(monitor.health(), Health::kUnknown);
  monitor.AddLatency(std::numeric_limits<double>::quiet_NaN());
  monitor.AddLatency(-1);
  EXPECT_EQ(monitor.health(), Health::kUnknown);
}

TEST(HealthTest, DefaultBudgetIsAMeanOf100Ms) {
  HealthMonitor monitor;
  for (int i = 0; i < 100; ++i) monitor.AddLatency(100);
  EXPECT_EQ(monitor.health(), Health::kHealthy);
  monitor.AddLatency(101);  // the window's mean is 100.01 now
  EXPECT_EQ(monitor.health(), Health::kDegraded);
}

TEST(HealthTest, OnlyTheLast100Count) {
  HealthMonitor monitor({.latency_ms_mean = 10});
  for (int i = 0; i < 1000; ++i) monitor.AddLatency(50);
  EXPECT_EQ(monitor.health(), Health::kDegraded);
  for (int i = 0; i < 100; ++i) monitor.AddLatency(9);
  EXPECT_EQ(monitor.health(), Health::kHealthy);
  EXPECT_DOUBLE_EQ(monitor.MeanLatencyMs(), 9);
}

TEST(HealthTest, TailAndErrors) {
  HealthMonitor tail({.latency_ms_mean = 10, .latency_ms_p95 = 20});
  for (int i = 0; i < 95; ++i) tail.AddLatency(1);
  for (int i = 0; i < 5; ++i) tail.AddLatency(30);
  EXPECT_EQ(tail.health(), Health::kHealthy);
  tail.AddLatency(30);
  EXPECT_EQ(tail.health(), Health::kDegraded);

  HealthMonitor errors;
  for (int i = 0; i < 95; ++i) errors.AddLatency(1);
  for (int i = 0; i < 5; ++i) errors.AddError();
  EXPECT_EQ(errors.health(), Health::kHealthy);
  errors.AddError();
  EXPECT_EQ(errors.health(), Health::kDegraded);
  EXPECT_DOUBLE_EQ(errors.ErrorShare(), 0.06);
}

}  // namespace
}  // namespace whet::fleet
