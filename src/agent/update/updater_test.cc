#include "agent/update/updater.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "agent/storage/power_cut_testing.h"
#include "agent/update/life_testing.h"

namespace whet::agent {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using Moment = PowerCutFileSystem::Moment;

constexpr char kFolder[] = "/state/detector";

struct Device {
  explicit Device(uint64_t seed = 1) : disk(seed), worker(disk, life.repository) {
    static_cast<void>(disk.MakeFolder("/state").ok());
  }
  Status Start() {
    updater.reset();
    auto opened =
        Updater::Open(disk, kFolder, {}, [this](const UpdateEvent& event) { events.push_back(event); });
    if (!opened.ok()) return opened.TakeStatus();
    updater.emplace(std::move(*opened));
    return {};
  }
  // The content of the current model, read from the disk.
  std::string Model() {
    const CurrentModel current = updater->Current();
    if (current.version.empty()) return "";
    auto content = disk.ReadSmall(current.model_path, 1 << 20);
    return content.ok() ? *content : "unreadable";
  }
  std::vector<std::string> Outcomes() const {
    std::vector<std::string> names;
    for (const UpdateEvent& event : events) names.emplace_back(OutcomeName(event.outcome));
    return names;
  }

  Life life;
  PowerCutFileSystem disk;
  MemoryWorker worker;
  std::vector<UpdateEvent> events;
  std::optional<Updater> updater;
};

TEST(Updater, ALifeWithoutTrouble) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  EXPECT_EQ(device.updater->Current(), CurrentModel());
  for (int phase = 0; phase < Life::kPhases; ++phase) {
    ASSERT_TRUE(device.life.Run(*device.updater, device.worker, phase).ok()) << phase;
    EXPECT_TRUE(device.life.Done(*device.updater, phase)) << phase;
    EXPECT_EQ(device.Model(), device.life.ModelOf(device.life.VersionsOf(phase).back())) << phase;
  }
  EXPECT_THAT(device.Outcomes(), testing::ElementsAre("installed", "installed", "failed-selftest",
                                                      "rolled-back", "installed", "installed"));
  EXPECT_EQ(device.life.repository.deltas_applied, 2);
  EXPECT_EQ(device.worker.wrong_files, 0);
  // The last step, back to what is in the other slot and was confirmed, needs neither network nor self-test.
  EXPECT_EQ(device.worker.self_tests, 5);
}

// The device's life, cut before, in the middle of and after every operation that changes the disk.
TEST(Updater, APowerCutAtAnyMomentLeavesTheOldModelOrTheNewAndTheLifeGoesOn) {
  int64_t cuts = 0;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    for (const Moment moment : {Moment::kBefore, Moment::kMiddle, Moment::kAfter}) {
      for (int64_t operation = 0;; ++operation) {
        Device device(seed * 100'000 + static_cast<uint64_t>(operation) * 3 + static_cast<uint64_t>(moment));
        device.disk.CutAt(operation, moment);
        bool was_cut = false;
        int starts = 0;
        for (int phase = 0; phase < Life::kPhases;) {
          SCOPED_TRACE("seed " + std::to_string(seed) + ", operation " + std::to_string(operation) +
                       ", moment " + std::to_string(static_cast<int>(moment)) + ", phase " +
                       std::to_string(phase));
          Status status = device.updater ? Status() : device.Start();
          if (status.ok() && was_cut) {
            EXPECT_THAT(device.life.VersionsOf(phase), testing::Contains(device.updater->Current().version));
            EXPECT_EQ(device.Model(), device.life.ModelOf(device.updater->Current().version));
          }
          if (status.ok()) status = device.life.Run(*device.updater, device.worker, phase);
          if (status.ok()) {
            ASSERT_TRUE(device.life.Done(*device.updater, phase)) << device.updater->Current().version;
            ASSERT_EQ(device.Model(), device.life.ModelOf(device.life.VersionsOf(phase).back()));
            ++phase;
            continue;
          }
          ASSERT_TRUE(device.disk.off()) << status.ToString();
          ASSERT_LT(++starts, 3);
          was_cut = true;
          ++cuts;
          device.updater.reset();
          device.disk.Restart();
        }
        EXPECT_EQ(device.worker.wrong_files, 0);
        if (!was_cut) break;
      }
    }
  }
  EXPECT_GT(cuts, 1500);
}

// The power comes and goes: several cuts at random in one life.
TEST(Updater, ManyPowerCutsInOneLife) {
  std::mt19937_64 random(7);
  for (int run = 0; run < 150; ++run) {
    Device device(static_cast<uint64_t>(run));
    const auto cut_soon = [&] {
      device.disk.CutAt(std::uniform_int_distribution<int64_t>(0, 60)(random),
                        static_cast<Moment>(std::uniform_int_distribution<int>(0, 2)(random)));
    };
    cut_soon();
    int cuts = 0;
    for (int phase = 0; phase < Life::kPhases;) {
      SCOPED_TRACE("run " + std::to_string(run) + ", phase " + std::to_string(phase));
      Status status = device.updater ? Status() : device.Start();
      if (status.ok()) {
        ASSERT_EQ(device.Model(), device.life.ModelOf(device.updater->Current().version));
        status = device.life.Run(*device.updater, device.worker, phase);
      }
      // A trial that many restarts interrupt counts as failed; a newer rollout then brings the version again.
      const bool given_up =
          device.updater && device.updater->state().IsQuarantined(device.life.OfferOf(phase).release.sha256,
                                                                  device.life.OfferOf(phase).rollout);
      if (status.ok()) {
        if (given_up && phase != 2 && phase != 3) break;
        ASSERT_TRUE(device.life.Done(*device.updater, phase)) << device.updater->Current().version;
        ++phase;
        continue;
      }
      ASSERT_TRUE(device.disk.off()) << status.ToString();
      device.updater.reset();
      device.disk.Restart();
      if (++cuts < 12) cut_soon();
    }
    EXPECT_EQ(device.worker.wrong_files, 0);
  }
}

TEST(Updater, AFailedTrialGoesBackEvenIfTheDiskRefusesToNoteIt) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  for (int phase = 0; phase < 2; ++phase)
    ASSERT_TRUE(device.life.Run(*device.updater, device.worker, phase).ok());
  ASSERT_TRUE(device.updater->Update(device.life.OfferOf(3), device.worker).ok());
  EXPECT_EQ(device.updater->Current().version, "1.3.0");
  device.disk.FailRandomly(1);
  EXPECT_FALSE(device.updater->Fail("latency").ok());
  EXPECT_EQ(device.updater->Current().version, "1.1.0");
  EXPECT_FALSE(device.updater->Advance(100).ok());
  EXPECT_EQ(device.updater->Current().version, "1.1.0");
  device.disk.FailRandomly(0);
  EXPECT_TRUE(device.updater->Advance(1).ok());
  EXPECT_EQ(device.updater->Current().version, "1.1.0");
  EXPECT_EQ(device.Outcomes().back(), "rolled-back");
}

TEST(Updater, AFailedReleaseIsNotTriedAgainUntilAnotherRolloutOffersIt) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  ASSERT_TRUE(device.life.Run(*device.updater, device.worker, 0).ok());
  Offer bad = device.life.OfferOf(2);
  ASSERT_TRUE(device.updater->Update(bad, device.worker).ok());
  EXPECT_FALSE(device.updater->Wants(bad));
  const int tests = device.worker.self_tests;
  ASSERT_TRUE(device.updater->Update(bad, device.worker).ok());
  EXPECT_EQ(device.worker.self_tests, tests);
  ASSERT_TRUE(device.Start().ok());
  EXPECT_FALSE(device.updater->Wants(bad));
  bad.rollout = "a-newer-rollout";
  EXPECT_TRUE(device.updater->Wants(bad));
  EXPECT_EQ(device.updater->Current().version, "1.0.0");
}

TEST(Updater, AModelThatTakesTheDeviceDownLosesItsTrial) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  ASSERT_TRUE(device.life.Run(*device.updater, device.worker, 0).ok());
  ASSERT_TRUE(device.updater->Update(device.life.OfferOf(3), device.worker).ok());
  for (int start = 0; start < 3; ++start) {
    ASSERT_TRUE(device.Start().ok());
    EXPECT_EQ(device.updater->Current().version, "1.3.0");
  }
  ASSERT_TRUE(device.Start().ok());
  EXPECT_EQ(device.updater->Current().version, "1.0.0");
  EXPECT_THAT(device.events.back().reason, HasSubstr("take the device down"));
}

TEST(Updater, ATrialGoesOnAfterARestartWhereItWas) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  ASSERT_TRUE(device.updater->Update(device.life.OfferOf(0), device.worker).ok());
  for (int second = 0; second < 8; ++second) ASSERT_TRUE(device.updater->Advance(1).ok());
  ASSERT_TRUE(device.Start().ok());
  EXPECT_EQ(device.updater->state().stage, Stage::kTrial);
  ASSERT_TRUE(device.updater->Advance(1).ok());
  EXPECT_EQ(device.updater->state().stage, Stage::kTrial);
  ASSERT_TRUE(device.updater->Advance(1).ok());
  EXPECT_EQ(device.updater->state().stage, Stage::kSteady);
}

TEST(Updater, AModelThatRottedOnDiskGivesWayToTheOther) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  for (int phase = 0; phase < 2; ++phase)
    ASSERT_TRUE(device.life.Run(*device.updater, device.worker, phase).ok());
  {
    auto file = device.disk.Append(device.updater->Current().model_path);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Write("x").ok());
  }
  ASSERT_TRUE(device.Start().ok());
  EXPECT_EQ(device.updater->Current().version, "1.0.0");
  EXPECT_TRUE(device.updater->Wants(device.life.OfferOf(1)));
}

TEST(FetchRelease, GoesOnWhereTheConnectionBroke) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  MemoryRepository& repository = device.life.repository;
  repository.break_after = 6;
  EXPECT_FALSE(device.updater->Update(device.life.OfferOf(0), device.worker).ok());
  ASSERT_TRUE(device.updater->Update(device.life.OfferOf(0), device.worker).ok());
  EXPECT_EQ(repository.first_bytes[1], 500U);
  EXPECT_EQ(device.Model(), device.life.ModelOf("1.0.0"));
}

TEST(FetchRelease, AServerWithoutRangesStartsOver) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  device.life.repository.break_after = 6;
  EXPECT_FALSE(device.updater->Update(device.life.OfferOf(0), device.worker).ok());
  device.life.repository.no_ranges = true;
  ASSERT_TRUE(device.updater->Update(device.life.OfferOf(0), device.worker).ok());
  EXPECT_EQ(device.Model(), device.life.ModelOf("1.0.0"));
}

TEST(FetchRelease, ADamagedBeginningIsFetchedAnew) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  device.life.repository.break_after = 6;
  EXPECT_FALSE(device.updater->Update(device.life.OfferOf(0), device.worker).ok());
  const std::string part =
      device.updater->SlotFolder(0) + "/" + device.life.OfferOf(0).model.sha256 + ".part";
  {
    auto file = device.disk.Create(part);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE((*file)->Write(std::string(300, '?')).ok());
  }
  ASSERT_TRUE(device.updater->Update(device.life.OfferOf(0), device.worker).ok());
  EXPECT_EQ(device.Model(), device.life.ModelOf("1.0.0"));
}

TEST(FetchRelease, EndlessDataEndsAtTheSignedSize) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  ASSERT_TRUE(device.life.Run(*device.updater, device.worker, 0).ok());
  device.life.repository.attack = [](const TargetRef&, std::string content) {
    return content + std::string(1 << 20, 'x');
  };
  const Status status = device.updater->Update(device.life.OfferOf(3), device.worker);
  EXPECT_EQ(status.code(), Code::kLimitExceeded);
  EXPECT_EQ(device.updater->Current().version, "1.0.0");
}

TEST(FetchRelease, OtherBytesThanWereSignedAreThrownAway) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  ASSERT_TRUE(device.life.Run(*device.updater, device.worker, 0).ok());
  const auto flip = [](const TargetRef&, std::string content) {
    content.back() = static_cast<char>(content.back() ^ 1);
    return content;
  };
  device.life.repository.attack = flip;
  EXPECT_EQ(device.updater->Update(device.life.OfferOf(1), device.worker).code(), Code::kBadFile);
  EXPECT_EQ(device.Outcomes().back(), "failed-verify");
  EXPECT_EQ(device.Model(), device.life.ModelOf("1.0.0"));
  // The repository is well again: so is the update.
  device.life.repository.attack = nullptr;
  EXPECT_TRUE(device.updater->Update(device.life.OfferOf(1), device.worker).ok());
}

TEST(FetchRelease, ADeltaThatGoesWrongCostsNothing) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  ASSERT_TRUE(device.life.Run(*device.updater, device.worker, 0).ok());
  device.life.repository.attack = [](const TargetRef& target, std::string content) {
    return target.name.starts_with("deltas/") ? "999999\n" : content;
  };
  ASSERT_TRUE(device.life.Run(*device.updater, device.worker, 1).ok());
  EXPECT_EQ(device.life.repository.deltas_applied, 0);
  EXPECT_EQ(device.Model(), device.life.ModelOf("1.1.0"));
}

TEST(FetchRelease, WithoutRoomNothingIsFetched) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  device.disk.set_free_bytes(1 << 10);
  const Status status = device.updater->Update(device.life.OfferOf(0), device.worker);
  EXPECT_EQ(status.code(), Code::kLimitExceeded);
  EXPECT_EQ(device.life.repository.downloads, 0);
}

TEST(FetchRelease, AHashThatIsAPathIsRefused) {
  Device device;
  ASSERT_TRUE(device.Start().ok());
  Offer offer = device.life.OfferOf(0);
  offer.model.sha256 = "../../../../etc/passwd";
  EXPECT_EQ(device.updater->Update(offer, device.worker).code(), Code::kBadFile);
  EXPECT_EQ(device.life.repository.downloads, 0);
}

}  // namespace
}  // namespace whet::agent
