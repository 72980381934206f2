#include "fleet/server/mqtt.h"

#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <optional>

#include "fleet/server/fleet_server_testing.h"
#include "fleet/telemetry/broker_testing.h"
#include "fleet/telemetry/receipt.h"
#include "fleet/tuf/key.h"

namespace whet::fleet {
namespace {

using testing::TestBroker;
using testing::TestMqttClient;

class MqttServerTest : public testing::FleetServerTest {
 protected:
  void SetUp() override {
    broker_.emplace(folder_.path());
    FleetServerTest::SetUp();
    client_.emplace(broker_->port(), std::string(kReceiptsTopic) + "/#",
                    [this](TestMqttClient&, const std::string& topic, const std::string& payload) {
                      const auto receipt = ParseReceipt(payload);
                      const std::lock_guard lock(mutex_);
                      ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
                      receipts_[topic].emplace(receipt->sha256, receipt->status);
                    });
    // The server subscribes when it gets to the broker: nobody hears what was sent before.
    for (int i = 0; i < 100 && !Answer("first", MakeReport("first", 1), 1); ++i) continue;
  }
  void TearDown() override {
    FleetServerTest::TearDown();
    client_.reset();
    broker_.reset();
  }
  void Change(FleetServerOptions& options) override {
    options.mqtt = Format("mqtt://127.0.0.1:%d", broker_->port());
    // Replicas differ in their address.
    if (server_ != nullptr) options.listen = "localhost:0";
  }
  std::string MakeReport(const std::string& device, uint64_t sequence) {
    Report report;
    report.device = device;
    report.boot = "b1";
    report.sequence = sequence;
    report.channel = "stable";
    report.arch = "x86_64";
    report.agent_version = "0.1.0";
    ModelReport model;
    model.family = "detector";
    model.version = "1.0.0";
    model.active = true;
    report.models.push_back(model);
    return ToOtlpJson(report);
  }
  // The status of the receipt for it; nothing when there is none after so many seconds.
  std::optional<int> Answer(const std::string& device, const std::string& body, int seconds = 60) {
    const std::string topic = std::string(kReceiptsTopic) + "/" + device;
    {
      const std::lock_guard lock(mutex_);
      receipts_[topic].clear();
    }
    client_->Publish(std::string(kMetricsTopic) + "/" + device, body);
    for (int i = 0; i < seconds * 100; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      const std::lock_guard lock(mutex_);
      const auto& seen = receipts_[topic];
      if (const auto found = seen.find(Sha256Hex(body)); found != seen.end()) return found->second;
    }
    return std::nullopt;
  }

  std::optional<TestBroker> broker_;
  std::optional<TestMqttClient> client_;
  std::mutex mutex_;
  std::map<std::string, std::map<std::string, int>> receipts_;  // by topic and hash
};
INSTANTIATE_ON_BOTH_DATABASES(MqttServerTest);

TEST_P(MqttServerTest, EachMessageGetsItsReceipt) {
  EXPECT_EQ(Answer("cam-1", MakeReport("cam-1", 1)), 200);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM telemetry WHERE device = 'cam-1'"), 1)
      << "a receipt says that it is there";
  EXPECT_EQ(Answer("cam-1", MakeReport("cam-1", 2)), 200);
  EXPECT_EQ(Answer("cam-1", MakeReport("cam-1", 1)), 200) << "one that had been taken";
  EXPECT_EQ(Number("SELECT COUNT(*) FROM telemetry WHERE device = 'cam-1'"), 2);
  // Nobody speaks for another.
  EXPECT_EQ(Answer("cam-1", MakeReport("cam-2", 1)), 403);
  EXPECT_EQ(Answer("cam-3", "nonsense"), 400);
  EXPECT_EQ(Answer("cam-3", "\x1f\x8b nonsense"), 400);
  EXPECT_EQ(Answer("cam-3", std::string(kMaxOtlpBytes + 1, ' ')), 400);
  EXPECT_EQ(Answer("cam-3", MakeReport("cam-3", 1) + " "), 200) << "the hash is of what was sent";
  // There is nobody to answer to.
  client_->Publish(std::string(kMetricsTopic) + "/cam/4", MakeReport("cam", 1));
  client_->Publish(kMetricsTopic, MakeReport("cam", 1));
  EXPECT_EQ(Answer("cam-4", MakeReport("cam-4", 1)), 200);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM devices"), 4);
}

class MqttReplicasTest : public MqttServerTest {};
INSTANTIATE_TEST_SUITE_P(On, MqttReplicasTest, ::testing::Values("postgres"));

TEST_P(MqttReplicasTest, TakeAReportOnce) {
  const auto other = NewServer();
  ASSERT_NE(other, nullptr);
  for (uint64_t i = 1; i <= 50; ++i) EXPECT_EQ(Answer("cam-1", MakeReport("cam-1", i)), 200);
  other->Stop();
  for (uint64_t i = 51; i <= 60; ++i) EXPECT_EQ(Answer("cam-1", MakeReport("cam-1", i)), 200);
  EXPECT_EQ(Number("SELECT COUNT(*) FROM telemetry WHERE device = 'cam-1'"), 60);
}

}  // namespace
}  // namespace whet::fleet
