// A server over a database and a repository of the test's own, with a token of each role.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "fleet/http/server_testing.h"
#include "fleet/json/nlohmann.h"
#include "fleet/release/release.h"
#include "fleet/rollout/document.h"
#include "fleet/server/database_testing.h"
#include "fleet/server/fleet_server.h"
#include "fleet/server/tokens.h"
#include "fleet/telemetry/otlp.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/repository_testing.h"

namespace whet::fleet::testing {

using Json = nlohmann::json;

inline std::string ReleaseText(const std::string& version) {
  Release release;
  release.family = "detector";
  release.version = version;
  release.created = "2026-11-26T20:00:0" + version.substr(2, 1) + "Z";
  release.notes = "for a test";
  release.operators = {"Conv", version == "1.0.0" ? "Relu" : "Gelu"};
  const std::string hash(64, version[2]);
  ReleaseVariant& variant = release.variants.emplace_back();
  variant.name = variant.precision = "f32";
  variant.target = ReleaseTarget("detector", version, "f32.whet");
  variant.bytes = 1000;
  variant.sha256 = variant.model_id = hash;
  const std::string same(64, 'a');
  variant.tensors = {{.name = "stem", .dtype = DType::kF32, .dims = {3, 4}, .bytes = 48, .sha256 = same},
                     {.name = "head", .dtype = DType::kF32, .dims = {4}, .bytes = 16, .sha256 = hash}};
  release.golden_target = ReleaseTarget("detector", version, "golden.bin");
  release.golden_sha256 = same;
  return PrintRelease(release);
}

class FleetServerTest : public DatabaseTest {
 protected:
  void SetUp() override {
    DatabaseTest::SetUp();
    now_ = 1800000000;
    auto& repository = *repository_.repository;
    const RoleSigners release_keys{{repository_.NewKey("release")}, 1};
    ASSERT_TRUE(repository.Delegate(ModelsRole("detector"), {"models/detector/*/*"}, release_keys).ok());
    sha_[0] = Publish("1.0.0");
    sha_[1] = Publish("1.1.0");
    std::filesystem::create_directories(folder_ / "web/assets");
    std::ofstream(folder_ / "web/index.html") << "<title>Whet</title>";
    std::ofstream(folder_ / "web/assets/app.js") << "run()";
    Start();
  }

  std::string Publish(const std::string& version) {
    const std::string bytes = ReleaseText(version);
    const std::string path = "models/detector/" + version + "/release.json";
    const std::string sha256 = Sha256Hex(bytes);
    auto body =
        repository_.repository->PrepareRole(ModelsRole("detector"), {{path, bytes.size(), sha256, ""}});
    EXPECT_TRUE(body.ok()) << body.status().ToString();
    const Status status = repository_.repository->PublishRole(
        ModelsRole("detector"),
        repository_.Forge(R"({"signatures":[],"signed":)" + *body + "}", {"release"}, [](Json&) {}),
        {{path, repository_.Write("source", bytes)}});
    EXPECT_TRUE(status.ok()) << status.ToString();
    return sha256;
  }

  virtual void Change(FleetServerOptions&) {}

  // Another server over the same database and repository each time; null, and a failure, if it does not
  // start.
  std::unique_ptr<FleetServer> NewServer() {
    FleetServerOptions options;
    options.listen = "127.0.0.1:0";
    options.database = url_;
    options.repository = repository_.folder;
    options.keys = repository_.store;
    options.dashboard = folder_ / "web";
    options.gate_interval_s = 0.05;
    options.token_rate = options.address_rate = 1e6;
    options.token_burst = options.address_burst = 1e6;
    options.refused_burst = 1e6;
    options.clock = [this] { return now_.load(); };
    Change(options);
    auto server = FleetServer::Start(std::move(options));
    EXPECT_TRUE(server.ok()) << server.status().ToString();
    return server.ok() ? std::move(*server) : nullptr;
  }

  void Start() {
    server_ = NewServer();
    ASSERT_NE(server_, nullptr);
    Tokens tokens(*database_);
    for (const Role role : {Role::kDevice, Role::kViewer, Role::kOperator, Role::kReleaser}) {
      auto token = tokens.Create(std::string(RoleName(role)) + "-name", role, "", now_);
      ASSERT_TRUE(token.ok()) << token.status().ToString();
      tokens_[role] = *token;
    }
  }

  void TearDown() override { server_.reset(); }

  RawAnswer Request(Role role, std::string_view method, std::string_view target, std::string_view body = "") {
    return RequestOf(*server_, role, method, target, body);
  }
  RawAnswer RequestOf(const FleetServer& server, Role role, std::string_view method, std::string_view target,
                      std::string_view body = "") {
    return Ask(server.port(), method, target, "Authorization: Bearer " + tokens_[role] + "\r\n", body);
  }
  Json Get(std::string_view target) {
    const RawAnswer answer = Request(Role::kOperator, "GET", target);
    EXPECT_EQ(answer.status, 200) << target << " " << answer.body;
    return Json::parse(answer.body, nullptr, false);
  }

  // One report of a device about a version.
  RawAnswer Send(const std::string& device, uint64_t sequence, const std::string& version,
                 uint64_t crashes = 0, double latency_ms = 10, Health health = Health::kHealthy) {
    return SendTo(*server_, device, sequence, version, crashes, latency_ms, health);
  }
  RawAnswer SendTo(const FleetServer& server, const std::string& device, uint64_t sequence,
                   const std::string& version, uint64_t crashes = 0, double latency_ms = 10,
                   Health health = Health::kHealthy) {
    Report report;
    report.device = device;
    report.boot = "b1";
    report.sequence = sequence;
    report.channel = "stable";
    report.arch = "x86_64";
    report.agent_version = "0.1.0";
    report.start_unix_ns = 1;
    report.end_unix_ns = 2;
    ModelReport model;
    model.family = "detector";
    model.version = version;
    model.variant = "f32";
    model.latency_ms.Record(latency_ms, 100);
    model.crashes = crashes;
    model.health = health;
    model.active = true;
    report.models.push_back(std::move(model));
    return RequestOf(server, Role::kDevice, "POST", "/v1/metrics", ToOtlpJson(report));
  }

  std::string StartRollout(Json policy) {
    const RawAnswer channel = Request(Role::kReleaser, "PUT", "/api/v1/channels/stable",
                                      R"({"family":"detector","version":"1.0.0"})");
    EXPECT_EQ(channel.status, 200) << channel.body;
    const Json body = {
        {"channel", "stable"}, {"family", "detector"}, {"candidate", "1.1.0"}, {"policy", std::move(policy)}};
    const RawAnswer answer = Request(Role::kReleaser, "POST", "/api/v1/rollouts", body.dump());
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body)["id"];
  }

  // What the repository, checked as by a client, tells devices.
  RolloutDocument Document() {
    const auto text = repository_.repository->ReadTarget("rollouts/stable/detector.json");
    EXPECT_TRUE(text.ok()) << text.status().ToString();
    auto document = ParseRolloutDocument(*text);
    EXPECT_TRUE(document.ok());
    return *document;
  }

  // Asks until `done` says so, or 30 s.
  Json WaitFor(const std::string& target, const std::function<bool(const Json&)>& done) {
    Json json;
    for (int i = 0; i < 600; ++i) {
      json = Get(target);
      if (done(json)) return json;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "never: " << json.dump(1);
    return json;
  }

  std::atomic<int64_t> now_ = 1800000000;
  TestRepository repository_;
  std::string sha_[2];
  std::unique_ptr<FleetServer> server_;
  std::map<Role, std::string> tokens_;
};

}  // namespace whet::fleet::testing
