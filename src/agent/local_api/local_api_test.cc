#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "agent/local_api/routes.h"
#include "whet/whet_agent.h"

namespace whet::agent {
namespace {

using testing::HasSubstr;

Notice NoticeOf(const std::string& version) {
  Notice notice;
  notice.family = "detector";
  notice.stage = "steady";
  notice.current.version = version;
  notice.current.variant = "f32";
  notice.current.model_path = "/models/" + version + ".whet";
  notice.current.slot_folder = "/models/a";
  return notice;
}

class LocalApiTest : public testing::Test {
 protected:
  void SetUp() override {
    fleet::HttpServerOptions options;
    options.listen = "unix:" + path_;
    options.threads = 1;
    auto server = fleet::HttpServer::Start(std::move(options), LocalRoutes(api_));
    ASSERT_TRUE(server.ok()) << server.status().ToString();
    server_ = std::move(*server);
    client_.reset(whet_agent_new(path_.c_str()));
    monitor_.Use({.family = "detector", .version = "1.0.0", .variant = "f32", .rollout = "r"}, {}, true);
  }
  struct Free {
    void operator()(whet_agent* agent) const { whet_agent_free(agent); }
  };

  const std::string path_ = testing::TempDir() + "/whet_agent_test.sock";
  Board board_;
  Monitor monitor_{TrialSettings{}};
  Applications applications_;
  int checks_ = 0;
  LocalApi api_{.board = board_,
                .monitor = monitor_,
                .applications = applications_,
                .status_json = [] { return std::string("{}"); },
                .check_now = [this] { ++checks_; }};
  std::unique_ptr<fleet::HttpServer> server_;
  std::unique_ptr<whet_agent, Free> client_;
};

TEST_F(LocalApiTest, SaysWhichModelToUse) {
  whet_agent_model_info info;
  EXPECT_EQ(whet_agent_model(client_.get(), "detector", &info), WHET_AGENT_REFUSED);
  EXPECT_THAT(whet_agent_error(client_.get()), HasSubstr("no model family 'detector'"));
  board_.Publish(NoticeOf(""));
  EXPECT_EQ(whet_agent_model(client_.get(), "detector", &info), WHET_AGENT_NO_MODEL);
  board_.Publish(NoticeOf("1.0.0"));
  ASSERT_EQ(whet_agent_model(client_.get(), "detector", &info), WHET_AGENT_OK)
      << whet_agent_error(client_.get());
  EXPECT_STREQ(info.version, "1.0.0");
  EXPECT_STREQ(info.path, "/models/1.0.0.whet");
  EXPECT_STREQ(info.plans, "/models/a/plans");
  EXPECT_EQ(info.shadow_path, nullptr);
}

TEST_F(LocalApiTest, NoticeOfASwapComesAsSoonAsItHappens) {
  board_.Publish(NoticeOf("1.0.0"));
  whet_agent_model_info info;
  ASSERT_EQ(whet_agent_model(client_.get(), "detector", &info), WHET_AGENT_OK);
  const uint64_t generation = info.generation;
  std::thread swap([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    board_.Publish(NoticeOf("1.0.0"));  // no news
    board_.Publish(NoticeOf("1.1.0"));
  });
  ASSERT_EQ(whet_agent_wait(client_.get(), "detector", generation, 30, &info), WHET_AGENT_OK);
  swap.join();
  EXPECT_STREQ(info.version, "1.1.0");
  EXPECT_EQ(info.generation, generation + 1);
  // Without news the answer comes when the time is over.
  std::thread late([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    board_.AnswerLate();
  });
  ASSERT_EQ(whet_agent_wait(client_.get(), "detector", info.generation, 0.02, &info), WHET_AGENT_OK);
  late.join();
  EXPECT_STREQ(info.version, "1.1.0");
}

TEST_F(LocalApiTest, CountsWhatTheApplicationReports) {
  whet_agent_inference inference;
  whet_agent_inference_init(&inference);
  inference.latency_ms = 3;
  inference.confidence = 0.5;
  inference.correct = 1;
  const double mean = 0.25;
  inference.input_mean = &mean;
  inference.input_mean_count = 1;
  for (int i = 0; i < 250; ++i) {
    ASSERT_EQ(whet_agent_report(client_.get(), "detector", "1.0.0", &inference), WHET_AGENT_OK)
        << whet_agent_error(client_.get());
  }
  ASSERT_EQ(whet_agent_flush(client_.get()), WHET_AGENT_OK);
  const auto reports = monitor_.TakeReports();
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports[0].latency_ms.count(), 250U);
  EXPECT_EQ(reports[0].labelled_correct, 250U);
  ASSERT_EQ(whet_agent_report(client_.get(), "detector", "9.9.9", &inference), WHET_AGENT_OK);
  EXPECT_EQ(whet_agent_flush(client_.get()), WHET_AGENT_REFUSED);
  EXPECT_THAT(whet_agent_error(client_.get()), HasSubstr("not in use"));
}

TEST_F(LocalApiTest, AProcessThatDiesWithoutAWordHasCrashed) {
  const auto run = [&](bool says_goodbye) {
    const pid_t child = fork();
    if (child == 0) {
      whet_agent* agent = whet_agent_new(path_.c_str());
      if (whet_agent_started(agent, "detector", "1.0.0") != WHET_AGENT_OK) _exit(1);
      if (says_goodbye && whet_agent_stopped(agent, "detector") != WHET_AGENT_OK) _exit(1);
      _exit(0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    return applications_.TakeCrashed();
  };
  EXPECT_EQ(run(true).size(), 0U);
  const auto crashed = run(false);
  ASSERT_EQ(crashed.size(), 1U);
  EXPECT_EQ(crashed[0].version, "1.0.0");
  EXPECT_EQ(applications_.TakeCrashed().size(), 0U);
  // Who lives has not crashed.
  ASSERT_EQ(whet_agent_started(client_.get(), "detector", "1.0.0"), WHET_AGENT_OK)
      << whet_agent_error(client_.get());
  EXPECT_EQ(applications_.TakeCrashed().size(), 0U);
}

TEST_F(LocalApiTest, ANameThatIsAPathIsRefused) {
  whet_agent_model_info info;
  EXPECT_EQ(whet_agent_model(client_.get(), "../../metrics", &info), WHET_AGENT_REFUSED);
  EXPECT_EQ(whet_agent_model(client_.get(), nullptr, &info), WHET_AGENT_REFUSED);
}

TEST(LocalApi, WithoutAnAgentTheClientSaysSo) {
  whet_agent* agent = whet_agent_new("/nowhere/agent.sock");
  whet_agent_model_info info;
  EXPECT_EQ(whet_agent_model(agent, "detector", &info), WHET_AGENT_UNREACHABLE);
  EXPECT_THAT(whet_agent_error(agent), HasSubstr("/nowhere/agent.sock"));
  whet_agent_free(agent);
}

TEST(Inferences, WhatNoInferenceCanHaveIsRefused) {
  for (const char* body :
       {"", "[]", "{}", R"({"version": "1"})", R"({"version": 1, "latency_ms": 1})",
        R"({"version": "1", "latency_ms": -1})", R"({"version": "1", "latency_ms": 1e999})",
        R"({"version": "1", "latency_ms": 1, "confidence": 1.5})",
        R"({"version": "1", "latency_ms": 1, "correct": 1})",
        R"({"version": "1", "latency_ms": 1, "input_mean": ["x"]})", R"({"version": "1", "inferences": {}})",
        R"({"version": "1", "inferences": [7]})"}) {
    EXPECT_FALSE(ParseInferences(body).ok()) << body;
  }
  EXPECT_TRUE(ParseInferences(R"({"version": "1", "ok": false})").ok());
  EXPECT_TRUE(ParseInferences(R"({"version": "1", "latency_ms": 2, "confidence": null})").ok());
  EXPECT_FALSE(ParseInferences(std::string(kMaxInferenceBody + 1, ' ')).ok());
}

}  // namespace
}  // namespace whet::agent
