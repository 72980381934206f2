// Several servers over one PostgreSQL database and one repository folder.

#include <gmock/gmock.h>

#include <set>
#include <vector>

#include "fleet/rollout/cohort.h"
#include "fleet/server/fleet_server_testing.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

class ReplicasTest : public testing::FleetServerTest {
 protected:
  void SetUp() override {
    FleetServerTest::SetUp();
    other_ = NewServer();
    ASSERT_NE(other_, nullptr);
  }
  void TearDown() override {
    other_.reset();
    FleetServerTest::TearDown();
  }
  Json GetOf(const FleetServer& server, const std::string& target) {
    const auto answer = RequestOf(server, Role::kOperator, "GET", target);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body, nullptr, false);
  }
  int64_t EvaluationsBy(const FleetServer& server) {
    const std::string text = RequestOf(server, Role::kViewer, "GET", "/metrics").body;
    const std::string name = "\nwhet_gate_evaluations_total ";
    const size_t at = text.find(name);
    return at == std::string::npos ? -1 : std::strtoll(text.c_str() + at + name.size(), nullptr, 10);
  }
  // The server that evaluates rollouts from now on; null if none does within 30 s.
  FleetServer* Evaluating() {
    FleetServer* const servers[] = {server_.get(), other_.get()};
    int64_t before[2] = {0, 0};
    for (int i = 0; i < 600; ++i) {
      for (size_t k = 0; k < 2; ++k) {
        if (servers[k] == nullptr) continue;
        const int64_t count = EvaluationsBy(*servers[k]);
        if (i == 0) before[k] = count;
        if (count > before[k]) return servers[k];
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return nullptr;
  }
  std::string Holder() {
    const auto sql = database_->Connect();
    std::string holder;
    EXPECT_TRUE((*sql)
                    ->Run("SELECT holder FROM leases WHERE name = 'gate'", {},
                          [&](const SqlRow& row) { holder = row.Text(0); })
                    .ok());
    return holder;
  }

  std::unique_ptr<FleetServer> other_;
};
INSTANTIATE_TEST_SUITE_P(On, ReplicasTest, ::testing::Values("postgres"),
                         [](const auto& on) { return std::string(on.param); });

TEST_P(ReplicasTest, AReportCountsOnceWhereverItArrives) {
  const std::string id = StartRollout({{"stages", {50, 100}}});
  constexpr int kDevices = 40;
  constexpr uint64_t kReports = 5;
  // All devices send to both servers at once, as after a load balancer's time-out.
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (const FleetServer* server : {server_.get(), other_.get()}) {
    for (int part = 0; part < 2; ++part) {
      threads.emplace_back([&, server, part] {
        for (int i = part; i < kDevices; i += 2) {
          const std::string device = Format("cam-%d", i);
          for (uint64_t sequence = 1; sequence <= kReports; ++sequence) {
            const bool candidate = InCohort(id, device, 50);
            if (SendTo(*server, device, sequence, candidate ? "1.1.0" : "1.0.0").status != 200) ++refused;
          }
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM devices"), kDevices);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM telemetry"), kDevices * static_cast<int64_t>(kReports));
  double reports = 0;
  const Json series = GetOf(*other_, "/api/v1/rollouts/" + id + "/series");
  for (const Json& bucket : series["buckets"]) {
    for (const char* arm : {"new", "control"}) {
      if (!bucket[arm].is_null()) reports += bucket[arm]["devices"].get<double>();
    }
  }
  EXPECT_EQ(reports, kDevices * static_cast<double>(kReports)) << "the charts count as the database does";
}

TEST_P(ReplicasTest, WhatOneIsToldTheOtherKnows) {
  const std::string at = "/api/v1/rollouts/" + StartRollout({{"stages", {10, 50, 100}}});
  EXPECT_EQ(GetOf(*other_, at)["stage"], 0);
  EXPECT_EQ(RequestOf(*other_, Role::kOperator, "POST", at + "/pause", R"({"reason":"lunch"})").status, 200);
  EXPECT_EQ(Document().state, RolloutState::kPaused);
  EXPECT_EQ(GetOf(*server_, at)["state"], "paused");
  // Both at once, again and again: each change happens once, and the repository ends with the last of them.
  std::atomic<int> changed = 0;
  std::vector<std::thread> threads;
  for (const FleetServer* server : {server_.get(), other_.get()}) {
    threads.emplace_back([&, server] {
      for (int i = 0; i < 10; ++i) {
        const char* action = i % 2 == 0 ? "/resume" : "/pause";
        if (RequestOf(*server, Role::kOperator, "POST", at + action).status == 200) ++changed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Json rollout = WaitFor(at, [](const Json& json) { return json["published"] == true; });
  EXPECT_EQ(rollout["history"].size(), 2U + static_cast<size_t>(changed.load()));
  EXPECT_EQ(RolloutStateName(Document().state), rollout["state"].get<std::string>());
  EXPECT_EQ(Document().sequence, rollout["history"].size());
}

TEST_P(ReplicasTest, OneEvaluatesAndAnotherTakesOver) {
  StartRollout({{"stages", {50, 100}}});
  FleetServer* const first = Evaluating();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(EvaluationsBy(first == server_.get() ? *other_ : *server_), 0);

  // One that dies keeps its lease for 15 s.
  {
    const auto sql = database_->Connect();
    ASSERT_TRUE((*sql)->Run("UPDATE leases SET holder = 'dead', until = $1", {now_.load() + 15}).ok());
  }
  now_ += 14;
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));  // two turns of each server's loop
  EXPECT_EQ(Holder(), "dead");
  now_ += 2;
  FleetServer* const second = Evaluating();
  ASSERT_NE(second, nullptr) << "nobody took over";

  // One that ends gives it back.
  (second == server_.get() ? server_ : other_).reset();
  EXPECT_NE(Evaluating(), nullptr) << "nobody took over";
}

}  // namespace
}  // namespace whet::fleet
