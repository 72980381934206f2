#include "fleet/rollout/rollout.h"
#include "base/utc_time.h"
#include "fleet/json/nlohmann.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace whet::fleet {
namespace {

using testing::HasSubstr;

constexpr int64_t kStart = 1764187200;

Result<Rollout> Create(Policy policy = {}, std::string id = "r-20261126-0a1b2c3d") {
  return CreateRollout(std::move(id), "stable", "detector", {"1.0.0", std::string(64, 'a')},
                       {"1.1.0", std::string(64, 'b')}, std::move(policy), "ada", kStart);
}

Gate Said(Verdict verdict, int64_t now) {
  Gate gate;
  gate.verdict = verdict;
  gate.evaluated_unix_s = now;
  gate.reason = "because";
  return gate;
}

TEST(RolloutTest, PassesThroughItsStages) {
  auto rollout = Create();
  ASSERT_TRUE(rollout.ok()) << rollout.status().ToString();
  EXPECT_EQ(rollout->percent(), 10);
  EXPECT_EQ(rollout->sequence, 1u);
  rollout->limits.control_p95_ms["arm64"] = 20;
  EXPECT_FALSE(ApplyGate(*rollout, Said(Verdict::kInconclusive, kStart + 10)));
  EXPECT_EQ(rollout->sequence, 1u);
  EXPECT_TRUE(ApplyGate(*rollout, Said(Verdict::kPass, kStart + 100)));
  EXPECT_EQ(rollout->percent(), 50);
  EXPECT_EQ(rollout->stage_started_unix_s, kStart + 100);
  EXPECT_TRUE(rollout->limits.control_p95_ms.empty());
  EXPECT_TRUE(ApplyGate(*rollout, Said(Verdict::kPass, kStart + 200)));
  EXPECT_EQ(rollout->percent(), 100);
  EXPECT_EQ(rollout->state, RolloutState::kRunning);
  EXPECT_TRUE(ApplyGate(*rollout, Said(Verdict::kPass, kStart + 300)));
  EXPECT_EQ(rollout->state, RolloutState::kDone);
  EXPECT_EQ(DocumentOf(*rollout).state, RolloutState::kDone);
  EXPECT_EQ(rollout->sequence, 4u);
  EXPECT_FALSE(ApplyGate(*rollout, Said(Verdict::kFail, kStart + 400)));
  EXPECT_THAT(ApplyAction(*rollout, RolloutAction::kRollback, "ada", "", kStart + 500).ToString(),
              HasSubstr("is done and changes no more"));
  ASSERT_EQ(rollout->history.size(), 4u);
  EXPECT_EQ(rollout->history[0], (HistoryEntry{kStart, "ada", "create", "1.1.0 after 1.0.0, 10 % first"}));
  EXPECT_EQ(rollout->history[3], (HistoryEntry{kStart + 300, "gate", "done", "because"}));
}

TEST(RolloutTest, FailureRollsBack) {
  auto rollout = Create();
  ASSERT_TRUE(rollout.ok());
  EXPECT_TRUE(ApplyGate(*rollout, Said(Verdict::kFail, kStart + 5)));
  EXPECT_EQ(rollout->state, RolloutState::kRolledBack);
  const RolloutDocument document = DocumentOf(*rollout);
  EXPECT_EQ(document.percent, 0);
  EXPECT_EQ(document.sequence, 2u);
  EXPECT_EQ(document.updated, FormatUtcTime(kStart + 5));
  EXPECT_EQ(ReleaseFor(document, "any").version, "1.0.0");
}

TEST(RolloutTest, PauseStopsTheClockAndTheGate) {
  auto rollout = Create();
  ASSERT_TRUE(rollout.ok());
  EXPECT_FALSE(ApplyAction(*rollout, RolloutAction::kResume, "ada", "", kStart).ok());
  ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kPause, "ada", "lunch", kStart + 100).ok());
  EXPECT_FALSE(ApplyAction(*rollout, RolloutAction::kPause, "ada", "", kStart + 101).ok());
  EXPECT_FALSE(ApplyGate(*rollout, Said(Verdict::kPass, kStart + 150)));
  EXPECT_FALSE(ApplyGate(*rollout, Said(Verdict::kFail, kStart + 150)));
  EXPECT_EQ(rollout->percent(), 10);  // who has it keeps it
  ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kResume, "ada", "back", kStart + 400).ok());
  EXPECT_EQ(rollout->stage_started_unix_s, kStart + 300);
  ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kPause, "ada", "", kStart + 500).ok());
  ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kAdvance, "ada", "sure", kStart + 600).ok());
  EXPECT_EQ(rollout->percent(), 50);
  EXPECT_EQ(rollout->state, RolloutState::kPaused);
  ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kResume, "ada", "", kStart + 700).ok());
  EXPECT_EQ(rollout->stage_started_unix_s, kStart + 700);
}

TEST(RolloutTest, AdvanceAndRollbackByHand) {
  auto rollout = Create({.stages = {50}});
  ASSERT_TRUE(rollout.ok());
  ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kAdvance, "ada", "sure", kStart + 1).ok());
  EXPECT_EQ(rollout->state, RolloutState::kDone);
  rollout = Create();
  ASSERT_TRUE(rollout.ok());
  ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kRollback, "ada", "smoke", kStart + 1).ok());
  EXPECT_EQ(rollout->state, RolloutState::kRolledBack);
  EXPECT_EQ(rollout->history.back().reason, "smoke");
}

TEST(RolloutTest, ComesBackFromJson) {
  auto rollout = Create({.stages = {1, 5, 100}, .crashes = 0.002});
  ASSERT_TRUE(rollout.ok());
  rollout->limits.control_p95_ms["arm64 board-2"] = 21.5;
  ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kPause, "ada", "\"quoted\" \xc3\xa9", kStart + 9).ok());
  auto again = ParseRollout(RolloutToJson(*rollout).dump());
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ(RolloutToJson(*again), RolloutToJson(*rollout));
  EXPECT_EQ(again->policy, rollout->policy);
  EXPECT_EQ(again->history, rollout->history);
  EXPECT_EQ(again->paused_unix_s, kStart + 9);

  const auto refused = [&](const char* key, const nlohmann::json& value) {
    nlohmann::json json = RolloutToJson(*rollout);
    json[key] = value;
    return !ParseRollout(json.dump()).ok();
  };
  EXPECT_TRUE(refused("stage", 3));
  EXPECT_TRUE(refused("state", "flying"));
  EXPECT_TRUE(refused("created", "now"));
  EXPECT_TRUE(refused("stable", nullptr));
  EXPECT_TRUE(refused("policy", {{"crashs", 0.1}}));
  EXPECT_TRUE(refused("limits", {{"a", -1}}));
  EXPECT_TRUE(refused("limits", 5));
  EXPECT_TRUE(refused("history", {{{"time", 3}}}));
  EXPECT_FALSE(ParseRollout("[]").ok());
}

TEST(RolloutTest, HistoryAndReasonsAreBounded) {
  auto rollout = Create();
  ASSERT_TRUE(rollout.ok());
  std::string reason;
  for (int i = 0; i < 1500; ++i) reason += "\xc3\xa9";
  for (int i = 0; i < 600; ++i) {
    ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kPause, "ada", reason, kStart).ok());
    ASSERT_TRUE(ApplyAction(*rollout, RolloutAction::kResume, "ada", "x" + reason, kStart).ok());
  }
  EXPECT_EQ(rollout->history.size(), Rollout::kMaxHistory);
  EXPECT_EQ(rollout->history.back().reason.size(), 1999u);
  EXPECT_TRUE(ParseRollout(RolloutToJson(*rollout).dump()).ok());
}

TEST(RolloutTest, RefusesWhatIsWrong) {
  EXPECT_FALSE(Create({}, "short").ok());
  EXPECT_FALSE(CreateRollout("r-20261126-0a1b2c3d", "stable", "detector", {"1.0.0", std::string(64, 'a')},
                             {"1.0.0", std::string(64, 'b')}, {}, "ada", kStart)
                   .ok());
  EXPECT_FALSE(CreateRollout("r-20261126-0a1b2c3d", "stable", "detector", {"1.0.0", "a"},
                             {"1.1.0", std::string(64, 'b')}, {}, "ada", kStart)
                   .ok());
  EXPECT_FALSE(Create({.stages = {}}).ok());
  EXPECT_FALSE(Create({.stages = {50, 10}}).ok());
  EXPECT_FALSE(Create({.stages = {101}}).ok());
  EXPECT_FALSE(Create({.alpha_halt = 0}).ok());
}

TEST(PolicyTest, ReadsOverDefaults) {
  auto policy = ParsePolicy(R"({"stages": [5, 100], "crashes": 0.02, "accept_after_s": 0})");
  ASSERT_TRUE(policy.ok()) << policy.status().ToString();
  EXPECT_EQ(policy->stages, (std::vector<double>{5, 100}));
  EXPECT_EQ(policy->crashes, 0.02);
  EXPECT_EQ(policy->dark, Policy().dark);
  EXPECT_EQ(*PolicyFromJson(PolicyToJson(*policy)), *policy);
  const auto refusal = [](const char* text) {
    auto refused = ParsePolicy(text);
    return refused.ok() ? "taken" : refused.status().ToString();
  };
  EXPECT_THAT(refusal(R"({"crashs": 0.02})"), HasSubstr("'crashs' is not a member"));
  EXPECT_THAT(refusal(R"({"crashes": "1"})"), HasSubstr("'crashes' is not a number"));
  EXPECT_THAT(refusal(R"({"stages": [10, 10]})"), HasSubstr("rise"));
  EXPECT_THAT(refusal(R"({"stages": 10})"), HasSubstr("list"));
  EXPECT_THAT(refusal(R"({"dwell_s": -1})"), HasSubstr("dwell_s"));
  EXPECT_THAT(refusal(R"({"silence_s": 0})"), HasSubstr("silence_s"));
  EXPECT_THAT(refusal(R"({"min_devices": 0})"), HasSubstr("min_devices"));
  EXPECT_THAT(refusal("3"), HasSubstr("not an object"));
}

}  // namespace
}  // namespace whet::fleet
