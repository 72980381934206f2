#include "fleet/rollout/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "fleet/json/nlohmann.h"

namespace whet::fleet {
namespace {

using testing::HasSubstr;

// Devices with the numbers given, spread evenly: every k-th device crashed, and so on.
struct Devices {
  int count = 1000;
  double crash_share = 0.01;  // of devices, in their only report
  double slow_share = 0.05;   // of each device's 100 latencies
  double dark_share = 0;
  double failed_installs = 0;
  bool installs = false;
  int sick = 0;
};

void Fill(ArmSums& sums, const Devices& devices) {
  const auto among = [](int i, double share) {
    return std::floor((i + 1) * share + 1e-9) > std::floor(i * share + 1e-9);
  };
  for (int i = 0; i < devices.count; ++i) {
    DeviceTally tally;
    tally.reports = 1;
    tally.inferences = 100;
    tally.timed = 100;
    tally.crash_reports = among(i, devices.crash_share) ? 1 : 0;
    tally.slow = 100 * devices.slow_share + (i % 3 - 1);
    tally.watched = true;
    tally.dark = among(i, devices.dark_share);
    tally.tried_install = devices.installs;
    tally.install_failed = devices.installs && among(i, devices.failed_installs);
    sums.Add(tally);
  }
  sums.sick += devices.sick;
}

GateInput Input(const Devices& candidate, const Devices& control) {
  GateInput input;
  Fill(input.candidate.strata["arm64"], candidate);
  Fill(input.control.strata["arm64"], control);
  input.cohort_devices = static_cast<uint64_t>(candidate.count);
  input.stage_age_s = 3 * 3600;
  return input;
}

const MetricVerdict& Of(const Gate& gate, const std::string& name) {
  for (const MetricVerdict& metric : gate.metrics) {
    if (metric.name == name) return metric;
  }
  ADD_FAILURE() << name;
  return gate.metrics[0];
}

constexpr Devices kGood = {.count = 5000, .slow_share = 0.025, .installs = true};
constexpr Devices kControl = {.count = 45000};

TEST(GateTest, GoodCandidatePasses) {
  const Gate gate = EvaluateGate({}, Input(kGood, kControl));
  EXPECT_EQ(gate.verdict, Verdict::kPass) << gate.reason;
  EXPECT_EQ(gate.candidate_devices, 5000u);
  EXPECT_EQ(gate.control_devices, 45000u);
  EXPECT_EQ(gate.required_devices, 200u);
  EXPECT_FALSE(Of(gate, "energy").judged);
  EXPECT_THAT(Of(gate, "energy").reason, HasSubstr("not judged"));
  EXPECT_EQ(Of(gate, "crashes").verdict, Verdict::kPass);
}

TEST(GateTest, EachRegressionFails) {
  const auto fails = [](Devices candidate, const std::string& metric) {
    GateInput input = Input(candidate, kControl);
    input.stage_age_s = 60;  // a failure waits for nothing
    const Gate gate = EvaluateGate({}, input);
    EXPECT_EQ(Of(gate, metric).verdict, Verdict::kFail) << metric << ": " << Of(gate, metric).reason;
    EXPECT_THAT(gate.reason, HasSubstr(metric));
    return gate.verdict == Verdict::kFail;
  };
  Devices bad = kGood;
  bad.crash_share = 0.035;
  EXPECT_TRUE(fails(bad, "crashes"));
  bad = kGood;
  bad.slow_share = 0.09;
  EXPECT_TRUE(fails(bad, "latency_p95"));
  bad = kGood;
  bad.dark_share = 0.035;
  EXPECT_TRUE(fails(bad, "dark"));
  bad = kGood;
  bad.failed_installs = 0.08;
  EXPECT_TRUE(fails(bad, "install_failures"));
}

TEST(GateTest, RegressionsOfWhatIsOptionalFail) {
  GateInput input = Input(kGood, kControl);
  const auto add = [](ArmSums& sums, int count, double energy, double correct, double confidence) {
    for (int i = 0; i < count; ++i) {
      DeviceTally tally;
      tally.energy_inferences = 100;
      tally.energy_mj = energy * 100 * (1 + 0.1 * (i % 5 - 2));
      tally.labelled_total = 50;
      tally.labelled_correct = correct * 50 + i % 3 - 1;
      tally.confidences = 100;
      tally.confidence_sum = 100 * confidence + i % 3 - 1;
      sums.Add(tally);
    }
  };
  add(input.control.strata["arm64"], 4000, 10, 0.9, 0.8);
  GateInput same = input;
  add(same.candidate.strata["arm64"], 400, 10.1, 0.9, 0.8);
  EXPECT_EQ(EvaluateGate({}, same).verdict, Verdict::kPass);
  GateInput hungry = input;
  add(hungry.candidate.strata["arm64"], 400, 12, 0.9, 0.8);
  EXPECT_EQ(Of(EvaluateGate({}, hungry), "energy").verdict, Verdict::kFail);
  EXPECT_NEAR(Of(EvaluateGate({}, hungry), "energy").difference, 0.2, 1e-9);
  GateInput wrong = input;
  add(wrong.candidate.strata["arm64"], 400, 10, 0.86, 0.8);
  const Gate gate = EvaluateGate({}, wrong);
  EXPECT_EQ(Of(gate, "accuracy").verdict, Verdict::kFail);
  EXPECT_NEAR(Of(gate, "accuracy").candidate, 0.86, 1e-3);
  EXPECT_NEAR(Of(gate, "accuracy").difference, 0.04, 1e-3);

  // Nothing is labelled: the confidence speaks.
  for (auto* arm : {&wrong.candidate, &wrong.control}) arm->strata["arm64"].wrong = {};
  EXPECT_EQ(Of(EvaluateGate({}, wrong), "accuracy").verdict, Verdict::kPass);
  GateInput unsure = input;
  add(unsure.candidate.strata["arm64"], 400, 10, 0.9, 0.7);
  for (auto* arm : {&unsure.candidate, &unsure.control}) arm->strata["arm64"].wrong = {};
  EXPECT_EQ(Of(EvaluateGate({}, unsure), "accuracy").verdict, Verdict::kFail);
  EXPECT_THAT(Of(EvaluateGate({}, unsure), "accuracy").reason, HasSubstr("confidence"));
}

TEST(GateTest, WaitsForDwellDevicesAndEvidence) {
  GateInput input = Input(kGood, kControl);
  input.stage_age_s = 60;
  Gate gate = EvaluateGate({}, input);
  EXPECT_EQ(gate.verdict, Verdict::kInconclusive);
  EXPECT_THAT(gate.reason, HasSubstr("60 s of 7200 s"));

  Devices few = kGood;
  few.count = 150;
  input = Input(few, kControl);
  input.cohort_devices = 5000;  // the others have not taken it yet
  gate = EvaluateGate({}, input);
  EXPECT_EQ(gate.verdict, Verdict::kInconclusive);
  EXPECT_THAT(gate.reason, HasSubstr("150 devices report the candidate, 200 are required"));

  few.count = 250;
  input = Input(few, kControl);
  gate = EvaluateGate({}, input);
  EXPECT_EQ(gate.verdict, Verdict::kInconclusive);
  EXPECT_THAT(gate.reason, HasSubstr("too early"));
  input.stage_age_s = 25 * 3600;
  EXPECT_EQ(EvaluateGate({}, input).verdict, Verdict::kPass);
  Policy patient;
  patient.accept_after_s = 0;
  EXPECT_EQ(EvaluateGate(patient, input).verdict, Verdict::kInconclusive);
}

TEST(GateTest, PatienceDoesNotExcuseWhatLooksBad) {
  Devices bad = kGood;
  bad.count = 250;
  bad.crash_share = 0.024;
  GateInput input = Input(bad, kControl);
  input.stage_age_s = 25 * 3600;
  const Gate gate = EvaluateGate({}, input);
  EXPECT_EQ(gate.verdict, Verdict::kInconclusive);
  EXPECT_THAT(gate.reason, HasSubstr("crashes"));
}

TEST(GateTest, ACandidateThatSaysNothingDoesNotPass) {
  GateInput input = Input(kGood, kControl);
  input.stage_age_s = 25 * 3600;
  input.candidate.strata["arm64"].slow = {};
  const Gate gate = EvaluateGate({}, input);
  EXPECT_EQ(gate.verdict, Verdict::kInconclusive);
  EXPECT_THAT(gate.reason, HasSubstr("the candidate's do not"));
}

// Fast devices crash seldom, slow ones often, and the fast ones took the candidate first. Without strata a
// candidate that doubles the crashes of both would look harmless.
TEST(GateTest, StrataWithOtherBaseRatesAreNotMixed) {
  GateInput input;
  const auto fill = [](Arm& arm, const char* stratum, int count, double crashes) {
    Fill(arm.strata[stratum], {.count = count, .crash_share = crashes, .slow_share = 0.025});
  };
  fill(input.candidate, "fast", 9000, 0.03);
  fill(input.candidate, "slow", 500, 0.12);
  fill(input.control, "fast", 9000, 0.005);
  fill(input.control, "slow", 9000, 0.06);
  input.cohort_devices = 9500;
  const Gate gate = EvaluateGate({}, input);
  EXPECT_EQ(Of(gate, "crashes").verdict, Verdict::kFail);
  EXPECT_NEAR(Of(gate, "crashes").difference, (9000 * 0.025 + 500 * 0.06) / 9500, 1e-4);
  const double crude = input.candidate.Total().crash.ratio() - input.control.Total().crash.ratio();
  EXPECT_LT(crude, 0.01);
}

TEST(GateTest, StrataTooSmallArePutTogether) {
  GateInput input;
  for (int i = 0; i < 40; ++i) {
    const std::string stratum = "board-" + std::to_string(i);
    Fill(input.candidate.strata[stratum], {.count = 5, .crash_share = 0.4});
    Fill(input.control.strata[stratum], {.count = 45, .crash_share = 0.02});
  }
  input.cohort_devices = 200;
  EXPECT_EQ(Of(EvaluateGate({}, input), "crashes").verdict, Verdict::kFail);
}

TEST(GateTest, SmallFleets) {
  // One device of three has the candidate and could not install it: there is nothing to infer.
  GateInput input = Input({.count = 1, .failed_installs = 1, .installs = true}, {.count = 2});
  input.stage_age_s = 60;
  Gate gate = EvaluateGate({}, input);
  EXPECT_EQ(gate.verdict, Verdict::kFail);
  EXPECT_THAT(gate.reason, HasSubstr("all devices of the stage"));

  input = Input({.count = 1, .installs = true}, {.count = 2});
  EXPECT_EQ(EvaluateGate({}, input).verdict, Verdict::kInconclusive);
  Policy quick;
  quick.accept_after_s = 1;
  gate = EvaluateGate(quick, input);
  EXPECT_EQ(gate.verdict, Verdict::kPass) << gate.reason;
  EXPECT_EQ(gate.required_devices, 1u);

  // Nobody falls into the stage.
  input = Input({.count = 0}, {.count = 3});
  EXPECT_EQ(EvaluateGate({}, input).verdict, Verdict::kPass);
  input = Input({.count = 0}, {.count = 0});
  EXPECT_EQ(EvaluateGate({}, input).verdict, Verdict::kInconclusive);
}

// Five devices, of which some have the candidate: their own word counts, as nothing can be inferred.
TEST(GateTest, HalfOfAFewDevicesBeingSickHalts) {
  const auto verdict = [](int candidates, int sick, int controls, int sick_controls,
                          const Policy& policy = {}) {
    return EvaluateGate(policy, Input({.count = candidates, .installs = true, .sick = sick},
                                      {.count = controls, .sick = sick_controls}));
  };
  const Gate one = verdict(1, 1, 4, 0);
  EXPECT_EQ(one.verdict, Verdict::kFail);
  EXPECT_THAT(one.reason, HasSubstr("sick_devices: 1 of 1 devices with the candidate are sick"));
  EXPECT_NE(verdict(1, 0, 4, 0).verdict, Verdict::kFail);
  EXPECT_NE(verdict(3, 1, 2, 0).verdict, Verdict::kFail);
  EXPECT_EQ(verdict(3, 2, 2, 0).verdict, Verdict::kFail);
  EXPECT_EQ(verdict(5, 3, 0, 0).verdict, Verdict::kFail) << "the last stage has no control";
  EXPECT_NE(verdict(3, 3, 2, 2).verdict, Verdict::kFail) << "the control is as sick";
  // Where there are enough for evidence, the evidence speaks.
  const Gate many = verdict(20, 12, 20, 0);
  EXPECT_FALSE(Of(many, "sick_devices").judged);
  EXPECT_NE(many.verdict, Verdict::kFail);
  // A number of one's own counts for every size.
  Policy strict;
  strict.sick_devices = 1;
  EXPECT_EQ(verdict(5, 1, 5, 0, strict).verdict, Verdict::kFail);
  EXPECT_EQ(verdict(20, 1, 20, 0, strict).verdict, Verdict::kFail);
  EXPECT_NE(verdict(20, 0, 20, 0, strict).verdict, Verdict::kFail);
  strict.sick_devices = 4;
  EXPECT_NE(verdict(5, 3, 5, 0, strict).verdict, Verdict::kFail);
}

TEST(GateTest, SaysThatAFewDevicesAreNoEvidence) {
  const Gate gate = EvaluateGate({}, Input({.count = 3, .installs = true}, {.count = 2}));
  EXPECT_THAT(Of(gate, "crashes").reason, HasSubstr("fewer than 8 devices on a side are no evidence"));
  EXPECT_THAT(Of(gate, "sick_devices").reason, HasSubstr("2 halt where fewer than 8 report on a side"));
  EXPECT_EQ(Of(gate, "sick_devices").verdict, Verdict::kPass);
}

TEST(GateTest, WhatMakesADeviceSick) {
  DeviceTally tally;
  tally.degraded = true;
  EXPECT_FALSE(tally.IsSick(3)) << "it has not reported in this stage";
  tally.reports = 10;
  EXPECT_TRUE(tally.IsSick(3));
  tally.degraded = false;
  tally.crash_reports = 2;
  EXPECT_FALSE(tally.IsSick(3));
  EXPECT_TRUE(tally.IsSick(2));
  EXPECT_FALSE(tally.IsSick(0));
}

TEST(GateTest, WithoutAControlOnlyInstallationsAreJudged) {
  GateInput input = Input(kGood, {.count = 0});
  input.control = {};
  Gate gate = EvaluateGate({}, input);
  EXPECT_EQ(gate.verdict, Verdict::kPass) << gate.reason;
  EXPECT_TRUE(Of(gate, "install_failures").judged);
  EXPECT_FALSE(Of(gate, "crashes").judged);

  input = Input(kGood, kControl);
  input.control_is_past = true;
  gate = EvaluateGate({}, input);
  EXPECT_THAT(gate.reason, HasSubstr("the stage before"));
  EXPECT_TRUE(Of(gate, "crashes").judged);
  EXPECT_FALSE(Of(gate, "latency_p95").judged);
}

TEST(GateTest, AReportsWordsBecomeATally) {
  ModelReport report;
  for (int i = 1; i <= 100; ++i) report.latency_ms.Record(i);
  report.errors = 2;
  report.crashes = 3;
  report.confidence.Record(0.5);
  report.installs[static_cast<size_t>(InstallOutcome::kFailedSelftest)] = 1;
  report.has_energy = true;
  report.energy_mj = 7;
  DeviceTally tally;
  tally.Add(report, 90);
  tally.Add(ModelReport(), 90);
  EXPECT_EQ(tally.reports, 2u);
  EXPECT_EQ(tally.crash_reports, 1u);
  EXPECT_EQ(tally.crashes, 3u);
  EXPECT_EQ(tally.inferences, 102u);
  EXPECT_EQ(tally.timed, 100);
  EXPECT_NEAR(tally.slow, 10, 2.5);
  EXPECT_TRUE(tally.tried_install);
  EXPECT_TRUE(tally.install_failed);
  EXPECT_EQ(tally.energy_inferences, 100);
  EXPECT_NEAR(tally.confidence_sum, 0.5, 1e-12);

  LatencyLimits limits;
  limits.Learn("a", report.latency_ms);
  EXPECT_EQ(limits.ControlLimit("a"), 0);  // 100 latencies are too few
  ASSERT_TRUE(report.latency_ms.Merge(Histogram(report.latency_ms)).ok());
  limits.Learn("a", report.latency_ms);
  EXPECT_NEAR(limits.ControlLimit("a"), 95, 3);
  EXPECT_DOUBLE_EQ(limits.CandidateLimit("a", 0.1), limits.ControlLimit("a") * 1.1);
  EXPECT_EQ(limits.CandidateLimit("b", 0.1), 0);
}

TEST(GateTest, Json) {
  GateInput input = Input(kGood, kControl);
  input.now_unix_s = 1764187200;
  const nlohmann::json json = GateToJson(EvaluateGate({}, input));
  EXPECT_EQ(json["verdict"], "pass");
  EXPECT_EQ(json["evaluated"], "2025-11-26T20:00:00Z");
  EXPECT_EQ(json["samples"]["new"], 5000);
  EXPECT_EQ(json["metrics"].size(), 8u);
  EXPECT_EQ(json["metrics"][1]["name"], "sick_devices");
  EXPECT_EQ(json["metrics"][6]["new"], nullptr);
}

}  // namespace
}  // namespace whet::fleet
