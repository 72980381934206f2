#include "agent/monitor/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace whet::agent {
namespace {

class SpoolTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<Spool> Open(int64_t bytes = 1 << 20) {
    auto spool = Spool::Open(path_, bytes);
    EXPECT_TRUE(spool.ok()) << spool.status().ToString();
    return spool.ok() ? std::move(*spool) : nullptr;
  }
  const std::string folder_ = testing::TempDir() + "/whet_spool";
  const std::string path_ = folder_ + "/spool.db";
};

std::string Body(uint64_t sequence) { return "{\"sequence\": " + std::to_string(sequence) + "}"; }

TEST_F(SpoolTest, KeepsReportsInOrderAcrossRestarts) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Open()->Add("boot-1", Body).ok());
  auto spool = Open();
  ASSERT_TRUE(spool->Add("boot-2", Body).ok());
  auto reports = spool->Oldest(10);
  ASSERT_TRUE(reports.ok());
  ASSERT_EQ(reports->size(), 4U);
  EXPECT_EQ((*reports)[2].sequence, 3U);
  EXPECT_EQ((*reports)[2].body, Body(3));
  EXPECT_EQ((*reports)[3].sequence, 1U);
  reports->resize(2);
  ASSERT_TRUE(spool->Remove(*reports).ok());
  EXPECT_EQ(*Open()->Count(), 2);
}

TEST_F(SpoolTest, TheOldestGiveWayWhenThereIsNoRoom) {
  auto spool = Open(1000);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(spool->Add("boot", [](uint64_t) { return std::string(100, 'x'); }).ok());
  }
  EXPECT_EQ(*spool->Count(), 10);
  EXPECT_EQ(*spool->Dropped(), 40);
  EXPECT_EQ((*spool->Oldest(1))[0].sequence, 41U);
  auto all = spool->Oldest(100);
  ASSERT_TRUE(spool->Remove(*all).ok());
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(spool->Add("boot", [](uint64_t) { return std::string(100, 'x'); }).ok());
  }
  EXPECT_EQ(*spool->Count(), 10);
}

TEST_F(SpoolTest, ADamagedFileIsBegunAnew) {
  ASSERT_TRUE(Open()->Add("boot", Body).ok());
  std::ofstream(path_) << std::string(10000, '?');
  auto spool = Open();
  ASSERT_NE(spool, nullptr);
  EXPECT_EQ(*spool->Count(), 0);
  EXPECT_TRUE(spool->Add("boot", Body).ok());
}

// A process that dies at any moment loses no report that was stored, and no sequence number is used twice.
TEST_F(SpoolTest, SurvivesAProcessThatIsKilled) {
  for (int round = 0; round < 8; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      auto spool = Spool::Open(path_, 1 << 20);
      while (spool.ok() && (*spool)->Add("boot", Body).ok()) continue;
      _exit(1);
    }
    usleep(static_cast<useconds_t>(3000 + round * 1700));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  auto reports = Open()->Oldest(1 << 20);
  ASSERT_TRUE(reports.ok()) << reports.status().ToString();
  for (size_t i = 0; i < reports->size(); ++i) EXPECT_EQ((*reports)[i].sequence, i + 1);
}

}  // namespace
}  // namespace whet::agent
