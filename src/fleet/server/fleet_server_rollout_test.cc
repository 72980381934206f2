#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/rollout/cohort.h"
#include "fleet/server/fleet_server_testing.h"

namespace whet::fleet {
namespace {

using ::testing::HasSubstr;
using testing::Json;
using testing::RawAnswer;

class ServedRolloutTest : public testing::FleetServerTest {};
INSTANTIATE_ON_BOTH_DATABASES(ServedRolloutTest);

TEST_P(ServedRolloutTest, AGoodCandidateReachesEveryDevice) {
  const std::string id = StartRollout({{"stages", {50, 100}},
                                       {"dwell_s", 60},
                                       {"silence_s", 60},
                                       {"accept_after_s", 120},
                                       {"min_devices", 5}});
  EXPECT_EQ(Document().state, RolloutState::kRunning);
  EXPECT_EQ(Document().percent, 50);
  EXPECT_EQ(Document().candidate->release_sha256, sha_[1]);
  const auto report = [&](uint64_t sequence, double percent) {
    for (int i = 0; i < 30; ++i) {
      const std::string device = Format("cam-%d", i);
      ASSERT_EQ(Send(device, sequence, InCohort(id, device, percent) ? "1.1.0" : "1.0.0").status, 200);
    }
  };
  report(1, 50);
  now_ += 30;
  const Json young = WaitFor("/api/v1/rollouts/" + id, [](const Json& json) {
    return !json["gate"].is_null() && json["gate"]["dwell_s"] == 30;
  });
  EXPECT_EQ(young["stage"], 0) << "too young to pass";
  EXPECT_EQ(young["gate"]["verdict"], "inconclusive");
  now_ += 100;
  report(2, 50);
  WaitFor("/api/v1/rollouts/" + id,
          [](const Json& json) { return json["stage"] == 1 && json["published"] == true; });
  EXPECT_EQ(Document().percent, 100);
  now_ += 130;
  report(3, 100);
  const Json done = WaitFor("/api/v1/rollouts/" + id, [](const Json& json) {
    return json["state"] == "done" && json["published"] == true;
  });
  EXPECT_EQ(Document().state, RolloutState::kDone);
  EXPECT_EQ(done["history"].back()["actor"], "gate");
  EXPECT_THAT(done["history"].back()["reason"].get<std::string>(), Not(::testing::IsEmpty()));
  EXPECT_EQ(Get("/api/v1/channels")["items"][0]["families"][0]["version"], "1.1.0");
  EXPECT_GE(Get("/api/v1/rollouts/" + id + "/series")["buckets"].size(), 2U);
  EXPECT_EQ(Request(Role::kOperator, "POST", "/api/v1/rollouts/" + id + "/pause").status, 400);
}

TEST_P(ServedRolloutTest, ABadCandidateIsTakenBack) {
  const std::string id =
      StartRollout({{"stages", {50, 100}}, {"dwell_s", 60}, {"silence_s", 60}, {"min_devices", 5}});
  for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
    for (int i = 0; i < 60; ++i) {
      const std::string device = Format("cam-%d", i);
      const bool candidate = InCohort(id, device, 50);
      ASSERT_EQ(Send(device, sequence, candidate ? "1.1.0" : "1.0.0", candidate ? 1 : 0).status, 200);
    }
  }
  const Json json = WaitFor("/api/v1/rollouts/" + id, [](const Json& rollout) {
    return rollout["state"] == "rolled-back" && rollout["published"] == true;
  });
  EXPECT_EQ(json["gate"]["verdict"], "fail");
  EXPECT_EQ(Document().state, RolloutState::kRolledBack);
  EXPECT_EQ(ReleaseFor(Document(), "cam-1").version, "1.0.0");
  const Json audit = Get("/api/v1/audit");
  EXPECT_EQ(audit["items"][0]["action"], "rollout.rollback");
  EXPECT_EQ(audit["items"][0]["actor"], "gate");
  EXPECT_EQ(Get("/api/v1/channels")["items"][0]["families"][0]["version"], "1.0.0");
}

// Of five devices two or three get the candidate: nothing can be inferred, but they say themselves that they
// are ill.
TEST_P(ServedRolloutTest, ASmallFleetIsHaltedBySickDevices) {
  const std::string id = StartRollout({{"stages", {50, 100}}, {"dwell_s", 60}, {"silence_s", 60}});
  std::vector<std::string> candidates, controls;
  for (int i = 0; candidates.size() < 3 || controls.size() < 2; ++i) {
    const std::string device = Format("cam-%d", i);
    auto& side = InCohort(id, device, 50) ? candidates : controls;
    if (side.size() < (&side == &candidates ? 3U : 2U)) side.push_back(device);
  }
  uint64_t sequence = 0;
  const auto report = [&](size_t sick) {
    ++sequence;
    for (const std::string& device : controls) ASSERT_EQ(Send(device, sequence, "1.0.0").status, 200);
    for (size_t i = 0; i < candidates.size(); ++i) {
      const Health health = i < sick ? Health::kDegraded : Health::kHealthy;
      ASSERT_EQ(Send(candidates[i], sequence, "1.1.0", 0, 10, health).status, 200);
    }
  };
  const auto sick_share = [](const Json& rollout) {
    if (rollout["gate"].is_null()) return -1.0;
    for (const Json& metric : rollout["gate"]["metrics"]) {
      if (metric["name"] == "sick_devices" && metric["new"].is_number()) return metric["new"].get<double>();
    }
    return -1.0;
  };
  report(1);
  const Json one =
      WaitFor("/api/v1/rollouts/" + id, [&](const Json& json) { return sick_share(json) > 0.3; });
  EXPECT_EQ(one["state"], "running") << "one of three";
  report(2);
  const Json two =
      WaitFor("/api/v1/rollouts/" + id, [](const Json& json) { return json["state"] == "rolled-back"; });
  EXPECT_THAT(two["gate"]["reason"].get<std::string>(),
              HasSubstr("2 of 3 devices with the candidate are sick"));
}

TEST_P(ServedRolloutTest, PeopleSteerARollout) {
  const std::string id = StartRollout({{"stages", {10, 50, 100}}});
  EXPECT_EQ(Request(Role::kReleaser, "POST", "/api/v1/rollouts",
                    R"({"channel":"stable","family":"detector","candidate":"1.1.0"})")
                .status,
            400)
      << "two at once";
  EXPECT_EQ(
      Request(Role::kReleaser, "PUT", "/api/v1/channels/stable", R"({"family":"detector","version":"1.1.0"})")
          .status,
      400);
  const std::string at = "/api/v1/rollouts/" + id;
  EXPECT_EQ(Request(Role::kOperator, "POST", at + "/pause", R"({"reason":"lunch"})").status, 200);
  EXPECT_EQ(Document().state, RolloutState::kPaused);
  EXPECT_EQ(Get("/api/v1/overview")["rollouts"][0]["state"], "paused");
  EXPECT_EQ(Request(Role::kOperator, "POST", at + "/resume").status, 200);
  EXPECT_EQ(Request(Role::kOperator, "POST", at + "/advance", R"({"reason":"sure"})").status, 200);
  EXPECT_EQ(Document().percent, 50);
  EXPECT_EQ(Request(Role::kOperator, "POST", at + "/dance").status, 405)
      << "a page of the dashboard's, to GET only";
  EXPECT_EQ(Request(Role::kOperator, "POST", at + "/advance", "not json").status, 400);
  EXPECT_EQ(Request(Role::kOperator, "POST", "/api/v1/rollouts/none/pause").status, 404);
  EXPECT_EQ(Request(Role::kOperator, "POST", at + "/rollback", R"({"reason":"no"})").status, 200);
  EXPECT_EQ(Document().state, RolloutState::kRolledBack);
  EXPECT_TRUE(Get("/api/v1/overview")["rollouts"].empty()) << "it is under way no more";
  const Json audit = Get("/api/v1/audit?limit=2");
  EXPECT_EQ(audit["items"].size(), 2U);
  EXPECT_EQ(audit["items"][0]["detail"], "no");
  EXPECT_EQ(audit["items"][0]["actor"], "operator-name");
  const Json rest = Get("/api/v1/audit?cursor=" + audit["next"].get<std::string>());
  EXPECT_EQ(rest["items"].size(), 4U) << "resume, pause, create, channel";
  EXPECT_TRUE(rest["next"].is_null());
  for (const char* body :
       {"{}", "[]", R"({"channel":"stable","family":"detector","candidate":"9.9.9"})",
        R"({"channel":"stable","family":"detector","candidate":"1.1.0","stages":[50,10]})",
        R"({"channel":"stable","family":"detector","candidate":"1.1.0","surprise":1})",
        R"({"channel":"../x","family":"detector","candidate":"1.1.0"})",
        R"({"channel":"stable","family":"detector","candidate":"1.1.0","policy":{"crashs":0.1}})"}) {
    const int status = Request(Role::kReleaser, "POST", "/api/v1/rollouts", body).status;
    EXPECT_TRUE(status == 400 || status == 404) << body << " " << status;
  }
}

TEST_P(ServedRolloutTest, AChannelsFirstReleaseHasItsTrial) {
  const auto put = [&](const std::string& trial) {
    return Request(Role::kReleaser, "PUT", "/api/v1/channels/stable",
                   R"({"family":"detector","version":"1.0.0","trial_s":)" + trial + "}")
        .status;
  };
  EXPECT_EQ(put("7"), 200);
  EXPECT_EQ(Document().trial_s, 7);
  for (const char* wrong : {"-1", "1.5", "\"soon\"", "1e300", "99999999999"})
    EXPECT_EQ(put(wrong), 400) << wrong;
  EXPECT_EQ(Document().trial_s, 7);
}

TEST_P(ServedRolloutTest, ARolloutsIdIsTheCallersIfGivenAndUsedOnce) {
  ASSERT_EQ(
      Request(Role::kReleaser, "PUT", "/api/v1/channels/stable", R"({"family":"detector","version":"1.0.0"})")
          .status,
      200);
  const char* body =
      R"({"id":"detector-1-1-0-a7","channel":"stable","family":"detector","candidate":"1.1.0"})";
  const RawAnswer first = Request(Role::kReleaser, "POST", "/api/v1/rollouts", body);
  ASSERT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(Json::parse(first.body)["id"], "detector-1-1-0-a7");
  EXPECT_EQ(Document().rollout, "detector-1-1-0-a7");
  ASSERT_EQ(Request(Role::kOperator, "POST", "/api/v1/rollouts/detector-1-1-0-a7/rollback").status, 200);
  const RawAnswer again = Request(Role::kReleaser, "POST", "/api/v1/rollouts", body);
  EXPECT_EQ(again.status, 400);
  EXPECT_THAT(again.body, HasSubstr("already"));
  for (const char* id : {"short", "Detector-1-1-0-a7-capital", "detector/1/1/0/slashes"}) {
    Json wrong = Json::parse(body);
    wrong["id"] = id;
    EXPECT_EQ(Request(Role::kReleaser, "POST", "/api/v1/rollouts", wrong.dump()).status, 400) << id;
  }
}

}  // namespace
}  // namespace whet::fleet
