#include "agent/storage/state_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/storage/power_cut_testing.h"

namespace whet::agent {
namespace {

FamilyState SomeState(int number) {
  FamilyState state;
  state.active = number % 2;
  state.slots[state.active] = {.version = "1." + std::to_string(number) + ".0",
                               .release_sha256 = std::string(64, 'a'),
                               .model_sha256 = std::string(64, 'b'),
                               .model_bytes = 12345,
                               .variant = "f32",
                               .rollout = "rollout-of-this-version",
                               .confirmed = true};
  state.stage = Stage::kTrial;
  state.stage_s = 600;
  state.elapsed_s = 17.5;
  state.starts = 2;
  for (int i = 0; i < number % 20; ++i) {
    state.AddToQuarantine({.version = "0.9." + std::to_string(i),
                           .release_sha256 = std::to_string(i),
                           .rollout = "r",
                           .reason = std::string(300, 'x')});
  }
  return state;
}

TEST(FamilyState, RecordsReadBackAsTheyWere) {
  for (int number = 0; number < 25; ++number) {
    FamilyState state = SomeState(number);
    state.sequence = 40 + static_cast<uint64_t>(number);
    const auto decoded = DecodeRecord(EncodeRecord(state));
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(*decoded, state);
  }
}

TEST(FamilyState, ARecordWithAnyBitFlippedOrAnyEndMissingIsRefused) {
  const std::string record = EncodeRecord(SomeState(3));
  for (size_t i = 0; i < record.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string broken = record;
      broken[i] = static_cast<char>(broken[i] ^ (1 << bit));
      EXPECT_FALSE(DecodeRecord(broken).ok()) << "byte " << i << " bit " << bit;
    }
    EXPECT_FALSE(DecodeRecord(std::string_view(record).substr(0, i)).ok()) << i << " bytes";
  }
}

TEST(FamilyState, QuarantineHoldsForOneRolloutAndIsBounded) {
  FamilyState state;
  for (int i = 0; i < 40; ++i) {
    state.AddToQuarantine(
        {.version = "v", .release_sha256 = std::to_string(i), .rollout = "first", .reason = ""});
  }
  EXPECT_EQ(state.quarantine.size(), FamilyState::kMaxQuarantined);
  EXPECT_TRUE(state.IsQuarantined("39", "first"));
  EXPECT_FALSE(state.IsQuarantined("39", "second"));
  EXPECT_FALSE(state.IsQuarantined("0", "first"));
}

// Every operation of a series of saves is cut before, in the middle and after; what a restart finds is the
// last state that was saved, or the one that was being saved.
TEST(StateStore, APowerCutLeavesTheOldStateOrTheNew) {
  using Moment = PowerCutFileSystem::Moment;
  constexpr int kSaves = 6;
  int cuts = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    for (const Moment moment : {Moment::kBefore, Moment::kMiddle, Moment::kAfter}) {
      for (int64_t operation = 0;; ++operation) {
        PowerCutFileSystem disk(seed * 1000 + static_cast<uint64_t>(operation));
        ASSERT_TRUE(disk.MakeFolder("/state").ok());
        disk.CutAt(operation, moment);
        int saved = 0;
        if (auto store = StateStore::Open(disk, "/state/detector"); store.ok()) {
          while (saved < kSaves && store->Save(SomeState(saved)).ok()) ++saved;
        }
        if (!disk.off()) break;
        ++cuts;
        disk.Restart();
        auto store = StateStore::Open(disk, "/state/detector");
        ASSERT_TRUE(store.ok()) << store.status().ToString();
        FamilyState found = store->state();
        found.sequence = 0;
        const bool is_old = found == (saved == 0 ? FamilyState() : SomeState(saved - 1));
        const bool is_new = saved < kSaves && found == SomeState(saved);
        EXPECT_TRUE(is_old || is_new)
            << "seed " << seed << ", operation " << operation << ", " << saved << " saved";
        // And it goes on from there.
        ASSERT_TRUE(store->Save(SomeState(9)).ok());
        auto again = StateStore::Open(disk, "/state/detector");
        ASSERT_TRUE(again.ok());
        EXPECT_EQ(again->state().slots[1].version, "1.9.0");
      }
    }
  }
  EXPECT_GT(cuts, 1000);
}

// A record seen in the cache of a process that ended before its fsync must not be built upon as if it were on
// disk: after a second process has saved, a power cut may lose neither.
TEST(StateStore, ARecordReadBeforeItWasSyncedIsSyncedFirst) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    PowerCutFileSystem disk(seed);
    ASSERT_TRUE(disk.MakeFolder("/state").ok());
    {
      auto store = StateStore::Open(disk, "/state/f");
      ASSERT_TRUE(store.ok());
      ASSERT_TRUE(store->Save(SomeState(0)).ok());
      // The process ends here, its next record written but not synced.
      FamilyState next = SomeState(1);
      next.sequence = 2;
      auto file = disk.Create("/state/f/active.1");
      ASSERT_TRUE(file.ok());
      ASSERT_TRUE((*file)->Write(EncodeRecord(next)).ok());
    }
    auto store = StateStore::Open(disk, "/state/f");
    ASSERT_TRUE(store.ok());
    EXPECT_EQ(store->state().sequence, 2U);
    disk.CutAt(static_cast<int64_t>(seed % 4), PowerCutFileSystem::Moment::kMiddle);
    ASSERT_FALSE(store->Save(SomeState(2)).ok());
    disk.Restart();
    auto found = StateStore::Open(disk, "/state/f");
    ASSERT_TRUE(found.ok());
    EXPECT_GE(found->state().sequence, 2U) << "seed " << seed;
  }
}

TEST(StateStore, ADiskThatCannotBeReadIsNotANewDevice) {
  PowerCutFileSystem disk(1);
  ASSERT_TRUE(disk.MakeFolder("/state").ok());
  {
    auto store = StateStore::Open(disk, "/state/f");
    ASSERT_TRUE(store.ok());
    ASSERT_TRUE(store->Save(SomeState(0)).ok());
  }
  disk.FailRandomly(1);
  EXPECT_FALSE(StateStore::Open(disk, "/state/f").ok());
  disk.FailRandomly(0);
  auto store = StateStore::Open(disk, "/state/f");
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(store->state().sequence, 1U);
}

TEST(PosixFileSystem, DoesWhatItSays) {
  const std::string folder = testing::TempDir() + "/whet_agent_files";
  std::filesystem::remove_all(folder);
  FileSystem& files = PosixFileSystem();
  ASSERT_TRUE(files.MakeFolder(folder).ok());
  ASSERT_TRUE(files.MakeFolder(folder).ok());
  ASSERT_TRUE(files.WriteDurably(folder + "/a", "abc").ok());
  EXPECT_EQ(*files.ReadSmall(folder + "/a", 10), "abc");
  EXPECT_EQ(files.ReadSmall(folder + "/a", 2).status().code(), Code::kLimitExceeded);
  EXPECT_EQ(files.ReadSmall(folder + "/b", 2).status().code(), Code::kNotFound);
  {
    auto file = files.Append(folder + "/a");
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Write("def").ok());
    ASSERT_TRUE((*file)->Sync().ok());
  }
  EXPECT_EQ(*files.Size(folder + "/a"), 6U);
  EXPECT_EQ(*files.Sha256OfFile(folder + "/a"),
            "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721");
  EXPECT_THAT(*files.List(folder), testing::ElementsAre("a"));
  ASSERT_TRUE(files.Rename(folder + "/a", folder + "/c").ok());
  ASSERT_TRUE(files.SyncFile(folder + "/c").ok());
  ASSERT_TRUE(files.Remove(folder + "/c").ok());
  ASSERT_TRUE(files.Remove(folder + "/c").ok());
  EXPECT_THAT(*files.List(folder), testing::IsEmpty());
  EXPECT_GT(*files.FreeBytes(folder), 0U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace whet::agent
