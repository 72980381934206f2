#include "agent/monitor/monitor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace whet::agent {
namespace {

using testing::HasSubstr;

const ModelKey kModel{.family = "detector", .version = "1.1.0", .variant = "f32", .rollout = "rollout-1"};

TEST(Monitor, CountsWhatIsReportedAndTakesItOnce) {
  Monitor monitor({});
  EXPECT_EQ(monitor.Add("detector", "1.1.0", {}).code(), Code::kNotFound);
  monitor.Use(kModel, {.budget = {}, .energy_mj = 0, .input_mean = {0.5}, .input_std = {0.1}}, true);
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(monitor
                    .Add("detector", "1.1.0",
                         {.ok = i % 40 != 0,
                          .latency_ms = 5,
                          .confidence = 0.75,
                          .correct = i % 2 == 0,
                          .energy_mj = 2,
                          .input_mean = {0.7}})
                    .ok());
  }
  ASSERT_TRUE(monitor.AddCrash("detector", "1.1.0").ok());
  monitor.AddInstall(kModel, fleet::InstallOutcome::kInstalled);
  auto reports = monitor.TakeReports();
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].latency_ms.count(), 39U);
  EXPECT_EQ(reports[0].errors, 1U);
  EXPECT_EQ(reports[0].crashes, 1U);
  EXPECT_EQ(reports[0].labelled_correct, 20U);
  EXPECT_EQ(reports[0].labelled_total, 40U);
  EXPECT_DOUBLE_EQ(reports[0].energy_mj, 80);
  EXPECT_NEAR(*reports[0].drift, 2, 1e-9);
  EXPECT_EQ(reports[0].health, fleet::Health::kHealthy);
  EXPECT_EQ(reports[0].installs[0], 1U);
  reports = monitor.TakeReports();
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].inferences(), 0U);
  EXPECT_THAT(monitor.PrometheusText(),
              HasSubstr("whet_inference_latency_ms_count{family=\"detector\",version=\"1.1.0\","
                        "variant=\"f32\",rollout=\"rollout-1\"} 39"));
}

TEST(Monitor, WhatIsNoLongerInUseIsReportedOnceMore) {
  Monitor monitor({});
  monitor.Use(kModel, {}, true);
  ASSERT_TRUE(monitor.Add("detector", "1.1.0", {.latency_ms = 5}).ok());
  monitor.Retire(kModel);
  EXPECT_FALSE(monitor.Add("detector", "1.1.0", {.latency_ms = 5}).ok());
  EXPECT_EQ(monitor.TakeReports().size(), 1U);
  EXPECT_EQ(monitor.TakeReports().size(), 0U);
}

TEST(Monitor, ATrialFailsOnLatencyErrorsEnergyAndCrashes) {
  const auto trial = [](const Inference& inference, int count, int crashes) {
    Monitor monitor({.crashes = 2});
    monitor.Use(kModel,
                {.budget = {.latency_ms_mean = 10}, .energy_mj = 3, .input_mean = {}, .input_std = {}}, true);
    // What was before the trial does not count.
    for (int i = 0; i < 100; ++i)
      static_cast<void>(monitor.Add("detector", "1.1.0", {.latency_ms = 500}).ok());
    monitor.BeginTrial(kModel);
    for (int i = 0; i < count; ++i) static_cast<void>(monitor.Add("detector", "1.1.0", inference).ok());
    for (int i = 0; i < crashes; ++i) static_cast<void>(monitor.AddCrash("detector", "1.1.0").ok());
    return monitor.WhyTrialFailed(kModel);
  };
  EXPECT_EQ(trial({.latency_ms = 9, .energy_mj = 2}, 100, 1), "");
  EXPECT_EQ(trial({.latency_ms = 11}, 10, 0), "");
  EXPECT_THAT(trial({.latency_ms = 11}, 30, 0), HasSubstr("mean latency is 11 ms"));
  EXPECT_THAT(trial({.ok = false}, 30, 0), HasSubstr("100 % of its inferences fail"));
  EXPECT_THAT(trial({.latency_ms = 9, .energy_mj = 4}, 30, 0), HasSubstr("its budget is 3 mJ"));
  EXPECT_THAT(trial({.latency_ms = 9}, 0, 2), HasSubstr("crashed 2 times"));
}

}  // namespace
}  // namespace whet::agent
