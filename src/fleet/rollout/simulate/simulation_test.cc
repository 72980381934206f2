#include "fleet/rollout/simulate/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "fleet/json/nlohmann.h"
#include "fleet/rollout/simulate/random.h"
#include "fleet/rollout/simulate/simulated_fleet.h"
#include "fleet/telemetry/moments.h"

namespace whet::fleet {
namespace {

uint64_t Count(const SimulationResult& result, RolloutState state, size_t stage) {
  uint64_t count = 0;
  for (const RunOutcome& run : result.runs) count += run.state == state && run.stage == stage;
  return count;
}

// 30 rollouts over 50000 devices, which is what the stage of 10 % needs to tell the two apart within hours;
// the figures of docs/rollouts.md are of a million (bench/rollout/run).
SimulationOptions Options() {
  SimulationOptions options;
  options.model.devices = 50'000;
  options.runs = 30;
  options.threads = 2;
  return options;
}

TEST(SimulationTest, HarmlessCandidatesArrive) {
  auto result = Simulate(Options());
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(Count(*result, RolloutState::kDone, 2), 30u);
  EXPECT_EQ(result->example.verdict, Verdict::kPass);
  EXPECT_THAT(result->example.reason, testing::HasSubstr("do no worse"));
}

TEST(SimulationTest, RegressionsHaltAtTheFirstStage) {
  const auto halts = [](auto change, const std::string& metric) {
    SimulationOptions options = Options();
    change(options.model);
    auto result = Simulate(options);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(Count(*result, RolloutState::kRolledBack, 0), 30u) << metric;
    for (const RunOutcome& run : result->runs) EXPECT_EQ(run.halted_by, metric);
  };
  halts([](FleetModel& model) { model.crash_rise = 0.02; }, "crashes");
  halts([](FleetModel& model) { model.latency_factor = 1.2; }, "latency_p95");
  halts([](FleetModel& model) { model.error_rise = 0.02; }, "errors");
  halts([](FleetModel& model) { model.install_rise = 0.1; }, "install_failures");
  halts([](FleetModel& model) { model.silence = 0.05; }, "dark");
}

TEST(SimulationTest, SameSeedSameRuns) {
  SimulationOptions options = Options();
  options.runs = 6;
  options.model.devices = 3000;
  const auto one = Simulate(options);
  options.threads = 1;
  const auto two = Simulate(options);
  options.seed = 7;
  const auto other = Simulate(options);
  ASSERT_TRUE(one.ok() && two.ok() && other.ok());
  bool differs = false;
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(one->runs[i].seconds, two->runs[i].seconds);
    EXPECT_EQ(one->runs[i].installed, two->runs[i].installed);
    differs = differs || one->runs[i].installed != other->runs[i].installed;
  }
  EXPECT_TRUE(differs);
}

// The fast fleet says the same as the one that makes every inference: the sums that the gate is made of have
// the same means over many seeds.
TEST(SimulationTest, FastAndExactFleetsAgree) {
  FleetModel model;
  model.devices = 1500;
  model.crash_rate = 0.05;
  model.crash_rise = 0.03;
  model.latency_factor = 1.15;
  model.error_rate = 0.01;
  model.error_rise = 0.01;
  model.install_failure = 0.1;
  model.degraded = 0.1;
  model.degraded_rise = 0.2;
  model.silence = 0.1;
  model.go_offline = 0.1;
  model.die = 0.01;
  const std::vector<double> stages = {40, 100};
  const auto first = FirstStages("rollout-of-a-test", model.devices, stages);
  constexpr int kSeeds = 40;
  constexpr int kSteps = 8;
  std::map<std::string, Moments> seen[2];
  for (int seed = 0; seed < kSeeds; ++seed) {
    for (const bool exact : {false, true}) {
      FleetSetup setup;
      setup.model = model;
      setup.policy.stages = stages;
      setup.seed = static_cast<uint64_t>(seed * 2 + exact);
      setup.first_stages = &first;
      const auto fleet = exact ? MakeExactFleet(setup) : MakeFastFleet(setup);
      fleet->BeginStage(0);
      for (int step = 0; step < kSteps; ++step) fleet->Step();
      const GateInput input = fleet->Look();
      auto& moments = seen[exact];
      moments["cohort"].Add(static_cast<double>(input.cohort_devices));
      moments["installed"].Add(static_cast<double>(fleet->installed()));
      for (const auto& [side, arm] :
           {std::pair("new ", input.candidate), std::pair("control ", input.control)}) {
        const ArmSums total = arm.Total();
        const auto add = [&, name = std::string(side)](const char* what, const RatioSums& sums) {
          moments[name + what + " devices"].Add(sums.devices);
          moments[name + what + " y"].Add(sums.y);
          moments[name + what + " n"].Add(sums.n);
          moments[name + what + " yy"].Add(sums.yy);
          moments[name + what + " yn"].Add(sums.yn);
          moments[name + what + " nn"].Add(sums.nn);
        };
        add("install", total.installs);
        add("crash", total.crash);
        add("error", total.error);
        add("slow", total.slow);
        add("dark", total.dark);
        moments[std::string(side) + "sick"].Add(total.sick);
      }
    }
  }
  ASSERT_EQ(seen[0].size(), seen[1].size());
  for (const auto& [name, fast] : seen[0]) {
    const Moments& exact = seen[1][name];
    const double error = std::sqrt((fast.variance() + exact.variance()) / kSeeds);
    // Some 60 means, at four standard errors; and up to 2 % of latencies above a limit by the interpolation
    // in a bucket.
    EXPECT_NEAR(fast.mean(), exact.mean(), 4 * error + 0.02 * exact.mean() * (name.contains("slow y")))
        << name;
  }
}

// Too few devices for comparisons: their own word halts the rollout.
TEST(SimulationTest, DegradedDevicesHaltASmallFleet) {
  SimulationOptions options = Options();
  options.model.devices = 5;
  options.policy.stages = {20, 60, 100};
  options.policy.sick_devices = 1;
  options.policy.dwell_s = 3600;
  options.policy.silence_s = 1800;
  options.policy.accept_after_s = 7200;
  options.model.degraded_rise = 1;
  for (const bool exact : {false, true}) {
    options.exact = exact;
    const auto result = Simulate(options);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    uint64_t halted = 0;
    for (const RunOutcome& run : result->runs) halted += run.halted_by == "sick_devices" ? 1 : 0;
    EXPECT_EQ(halted, options.runs);
  }
  // Where the control is as sick, the candidate is not what makes devices so.
  options.model.devices = 40;
  options.model.degraded_rise = 0;
  options.model.degraded = 1;
  const auto result = Simulate(options);
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  for (const RunOutcome& run : result->runs) EXPECT_NE(run.halted_by, "sick_devices");
}

TEST(SimulationTest, Refusals) {
  const auto refusal = [](auto change) {
    SimulationOptions options;
    options.model.devices = 10;
    change(options);
    const auto result = Simulate(options);
    return result.ok() ? "taken" : result.status().ToString();
  };
  EXPECT_THAT(refusal([](auto& o) { o.model.devices = 0; }), testing::HasSubstr("1 to 16000000"));
  EXPECT_THAT(refusal([](auto& o) { o.model.crash_rise = -1; }),
              testing::HasSubstr("crash rate of the candidate"));
  EXPECT_THAT(refusal([](auto& o) { o.model.latency_ms = 0; }), testing::HasSubstr("above zero"));
  EXPECT_THAT(refusal([](auto& o) { o.runs = 0; }), testing::HasSubstr("runs"));
  EXPECT_THAT(refusal([](auto& o) { o.policy.stages = {}; }), testing::HasSubstr("stages"));
  EXPECT_THAT(refusal([](auto& o) { o.exact = true, o.model.devices = 200'000; }),
              testing::HasSubstr("--exact"));
  EXPECT_THAT(refusal([](auto& o) { o.model.report_s = 1; }), testing::HasSubstr("60000 reports"));
}

TEST(RandomTest, TableIsTheBinomialDistribution) {
  for (const auto& [trials, probability] :
       {std::pair(40u, 0.05), std::pair(40u, 0.001), std::pair(1000u, 0.6), std::pair(3u, 0.5),
        std::pair(5u, 1.0), std::pair(5u, 0.0), std::pair(0u, 0.3)}) {
    const BinomialTable table(trials, probability);
    SplitMix random(trials);
    Moments moments;
    for (int i = 0; i < 200'000; ++i) {
      const uint32_t k = table(static_cast<uint32_t>(random() >> 32));
      ASSERT_LE(k, trials);
      moments.Add(k);
    }
    const double mean = trials * probability;
    const double variance = mean * (1 - probability);
    EXPECT_NEAR(moments.mean(), mean, 4.5 * std::sqrt(variance / 200'000)) << trials << " " << probability;
    EXPECT_NEAR(moments.variance(), variance, 0.03 * variance + 1e-9) << trials << " " << probability;
    EXPECT_LE(table(0), table(UINT32_MAX));
  }
}

}  // namespace
}  // namespace whet::fleet
