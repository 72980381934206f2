#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "agent/worker/send_reports.h"
#include "fleet/telemetry/broker_testing.h"
#include "fleet/telemetry/receipt.h"
#include "fleet/tuf/key.h"

namespace whet::agent {
namespace {

using fleet::testing::TestBroker;
using fleet::testing::TestMqttClient;
using ::testing::HasSubstr;

constexpr char kDevice[] = "cam-1";

class SendMqttTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    broker_.emplace(folder_);
    auto spool = Spool::Open(folder_ + "/spool.db", 1 << 20);
    ASSERT_TRUE(spool.ok()) << spool.status().ToString();
    spool_ = std::move(*spool);
    server_.emplace(broker_->port(), std::string(fleet::kMetricsTopic) + "/#",
                    [this](TestMqttClient& client, const std::string& topic, const std::string& body) {
                      EXPECT_EQ(topic, std::string(fleet::kMetricsTopic) + "/" + kDevice);
                      const std::lock_guard lock(mutex_);
                      ++heard_[body];
                      if (const int status = answer_(body); status != 0) {
                        client.Publish(
                            std::string(fleet::kReceiptsTopic) + "/" + kDevice,
                            fleet::PrintReceipt({.sha256 = fleet::Sha256Hex(body), .status = status}));
                      }
                    });
  }
  void TearDown() override {
    server_.reset();
    broker_.reset();
    std::filesystem::remove_all(folder_);
  }
  void Fill(int reports) {
    for (int i = 0; i < reports; ++i) {
      ASSERT_TRUE(
          spool_
              ->Add("boot", [](uint64_t sequence) { return Format("report %d", static_cast<int>(sequence)); })
              .ok());
    }
  }
  SendReport Send(const std::string& receipts = fleet::kReceiptsTopic) {
    SendJob job;
    job.mqtt_host = "127.0.0.1";
    job.mqtt_port = broker_->port();
    job.mqtt_topic = fleet::kMetricsTopic;
    job.mqtt_receipts = receipts;
    job.device = kDevice;
    auto report = SendReportsByMqtt(job, *spool_, patience_);
    EXPECT_TRUE(report.ok()) << report.status().ToString();
    return report.ok() ? *report : SendReport();
  }
  // How many messages have come to the server; each of them at least once.
  size_t Heard() {
    const std::lock_guard lock(mutex_);
    return heard_.size();
  }

  const std::string folder_ = testing::TempDir() + "/whet_send_mqtt";
  std::optional<TestBroker> broker_;
  std::unique_ptr<Spool> spool_;
  std::mutex mutex_;
  std::map<std::string, int> heard_;  // by body, how often
  std::function<int(const std::string& body)> answer_ = [](const std::string&) {
    return 200;
  };  // 0: no receipt
  std::chrono::milliseconds patience_ = kReceiptPatience;
  std::optional<TestMqttClient> server_;
};

TEST_F(SendMqttTest, ReportsLeaveTheSpoolWhenTheServerHasTakenThem) {
  Fill(90);
  const SendReport report = Send();
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.sent, 90);
  EXPECT_EQ(report.left, 0);
  EXPECT_EQ(Heard(), 90U);
  for (const auto& [body, times] : heard_) EXPECT_EQ(times, 1) << body;
}

TEST_F(SendMqttTest, WithoutReceiptsTheBrokerIsEnough) {
  answer_ = [](const std::string&) { return 0; };
  Fill(90);
  const SendReport report = Send("");
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.sent, 90);
  EXPECT_EQ(report.left, 0);
}

TEST_F(SendMqttTest, WhatNobodyHasTakenStaysAndIsSentAgain) {
  patience_ = std::chrono::milliseconds(1000);
  answer_ = [](const std::string&) { return 0; };
  Fill(30);
  SendReport report = Send();
  EXPECT_THAT(report.error, HasSubstr("mqtt_receipts"));
  EXPECT_EQ(report.sent, 0);
  EXPECT_EQ(report.left, 30);
  EXPECT_EQ(Heard(), 1U) << "one asks whether anybody is there";
  // A server that loses some of what the broker has given it.
  {
    const std::lock_guard lock(mutex_);
    answer_ = [](const std::string& body) { return body == "report 7" || body == "report 30" ? 0 : 200; };
  }
  report = Send();
  EXPECT_THAT(report.error, HasSubstr("mqtt_receipts"));
  EXPECT_EQ(report.sent, 20);
  EXPECT_EQ(report.left, 10);
  EXPECT_EQ((*spool_->Oldest(1))[0].sequence, 7U);
  {
    const std::lock_guard lock(mutex_);
    answer_ = [](const std::string&) { return 200; };
  }
  report = Send();
  EXPECT_EQ(report.error, "");
  EXPECT_EQ(report.left, 0);
  EXPECT_EQ(Heard(), 30U);
}

TEST_F(SendMqttTest, WhatTheServerRefusesIsDroppedAndWhatItCannotTakeNowIsNot) {
  answer_ = [](const std::string& body) {
    return body == "report 3" ? 400 : body == "report 4" ? 403 : body == "report 6" ? 503 : 200;
  };
  Fill(40);
  const SendReport report = Send();
  EXPECT_THAT(report.error, HasSubstr("cannot take reports now"));
  EXPECT_EQ(report.refused, 2);
  EXPECT_EQ(report.sent, 18);
  EXPECT_EQ(report.left, 20);
  EXPECT_EQ((*spool_->Oldest(1))[0].sequence, 6U);
}

TEST_F(SendMqttTest, OnlyItsOwnReceiptSettlesAReport) {
  patience_ = std::chrono::milliseconds(1000);
  const std::string topic = std::string(fleet::kReceiptsTopic) + "/" + kDevice;
  answer_ = [&, first = true](const std::string& body) mutable {
    server_->Publish(topic, "");
    server_->Publish(topic, "nonsense");
    server_->Publish(topic, std::string(1 << 20, '['));
    server_->Publish(topic, fleet::PrintReceipt({.sha256 = fleet::Sha256Hex(body + " "), .status = 200}));
    server_->Publish(topic + "0", fleet::PrintReceipt({.sha256 = fleet::Sha256Hex(body), .status = 200}));
    return std::exchange(first, false) ? 200 : 0;
  };
  Fill(3);
  const SendReport report = Send();
  EXPECT_THAT(report.error, HasSubstr("no server says"));
  EXPECT_EQ(report.sent, 1);
  EXPECT_EQ(report.left, 2);
}

}  // namespace
}  // namespace whet::agent
