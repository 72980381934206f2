#include "fleet/tuf/repository.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "fleet/tuf/repository_testing.h"

namespace whet::fleet {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TestRepository;

#define ASSERT_OK(expression)                                \
  do {                                                       \
    const Status whet_status = (expression);                 \
    ASSERT_TRUE(whet_status.ok()) << whet_status.ToString(); \
  } while (false)

std::string RolloutOf(const std::string& version, const std::string& sha256) {
  return nlohmann::json{
      {"format", 1}, {"stable", {{"version", version}, {"release_sha256", sha256}}}, {"candidate", nullptr}}
      .dump();
}

TEST(Repository, AClientFindsWhatWasPublished) {
  TestRepository test;
  ASSERT_OK(
      test.repository->Delegate("models.detector", {"models/detector/*/*"}, {{test.NewKey("release")}, 1}));
  const std::string sha256 = test.PublishRelease("detector", "1.0.0", "{\"v\":1}", {"release"});
  const RoleSigners online{{test.publics["online"]}, 1};
  ASSERT_OK(test.repository->SetRollout("stable", "detector", RolloutOf("1.0.0", sha256), &online));
  Client client = test.NewClient();
  ASSERT_OK(client.Refresh());
  auto release = client.FindTarget("models/detector/1.0.0/release.json");
  ASSERT_TRUE(release.ok()) << release.status().ToString();
  EXPECT_EQ(release->hashes.at("sha256"), sha256);
  auto rollout = client.FindTarget("rollouts/stable/detector.json");
  ASSERT_TRUE(rollout.ok()) << rollout.status().ToString();
  const std::string path = test.folder + "/downloaded";
  ASSERT_OK(client.Download(*rollout, path));
  EXPECT_EQ(test.Read("downloaded"), RolloutOf("1.0.0", sha256));
  EXPECT_EQ(*test.repository->ReadTarget("rollouts/stable/detector.json"), RolloutOf("1.0.0", sha256));
  EXPECT_EQ(client.FindTarget("models/detector/9.9.9/release.json").status().code(), Code::kNotFound);
}

TEST(Repository, ARolloutNamesOnlySignedReleases) {
  TestRepository test;
  ASSERT_OK(
      test.repository->Delegate("models.detector", {"models/detector/*/*"}, {{test.NewKey("release")}, 1}));
  const std::string sha256 = test.PublishRelease("detector", "1.0.0", "{}", {"release"});
  const RoleSigners online{{test.publics["online"]}, 1};
  for (const std::string& document : {RolloutOf("1.0.1", sha256), RolloutOf("1.0.0", std::string(64, '0')),
                                      std::string("[]"), std::string("{")}) {
    EXPECT_FALSE(test.repository->SetRollout("stable", "detector", document, &online).ok()) << document;
  }
  EXPECT_FALSE(test.repository->SetRollout("../x", "detector", RolloutOf("1.0.0", sha256), &online).ok());
  EXPECT_FALSE(test.repository->SetRollout("stable", "a/b", RolloutOf("1.0.0", sha256), &online).ok());
  // Without a delegation, and without saying whose key a new channel gets.
  EXPECT_EQ(test.repository->SetRollout("beta", "detector", RolloutOf("1.0.0", sha256)).code(),
            Code::kNotFound);
}

TEST(Repository, AStageChangeWritesFourFilesWhateverTheSize) {
  TestRepository test;
  ASSERT_OK(
      test.repository->Delegate("models.detector", {"models/detector/*/*"}, {{test.NewKey("release")}, 1}));
  const std::string sha256 = test.PublishRelease("detector", "1.0.0", "{}", {"release"});
  const RoleSigners online{{test.publics["online"]}, 1};
  ASSERT_OK(test.repository->SetRollout("stable", "detector", RolloutOf("1.0.0", sha256), &online));
  const auto count_files = [&] {
    size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(test.folder))
      count += entry.is_regular_file();
    return count;
  };
  const size_t before = count_files();
  std::string document = RolloutOf("1.0.0", sha256);
  document.insert(1, "\"percent\":10,");
  ASSERT_OK(test.repository->SetRollout("stable", "detector", document));
  EXPECT_EQ(count_files(), before + 3);  // document, role, snapshot; timestamp.json is replaced
}

TEST(Repository, ReleasesAreImmutableAndSignedByTheThreshold) {
  TestRepository test;
  const RoleSigners two{{test.NewKey("alice"), test.NewKey("bob")}, 2};
  test.NewKey("mallory");
  ASSERT_OK(test.repository->Delegate("models.detector", {"models/detector/*/*"}, two));
  Status status;
  test.PublishRelease("detector", "1.0.0", "{}", {"alice"}, &status);
  EXPECT_THAT(status.ToString(), HasSubstr("1 of its role's keys signed it; 2 must"));
  test.PublishRelease("detector", "1.0.0", "{}", {"alice", "mallory"}, &status);
  EXPECT_FALSE(status.ok());
  test.PublishRelease("detector", "1.0.0", "{}", {"alice", "bob"}, &status);
  ASSERT_OK(std::move(status));
  test.PublishRelease("detector", "1.0.0", "{\"other\":1}", {"alice", "bob"}, &status);
  EXPECT_THAT(status.ToString(), HasSubstr("published already"));

  // The same by hand, with a forged next version.
  const std::string published = test.Read("metadata/1.models.detector.json");
  const auto forge = [&](const std::function<void(nlohmann::json&)>& change) {
    return test.repository->PublishRole("models.detector", test.Forge(published, {"alice", "bob"}, change),
                                        {});
  };
  const std::string path = "models/detector/1.0.0/release.json";
  EXPECT_THAT(forge([&](auto& body) {
                body["version"] = 2;
                body["targets"][path]["length"] = 3;
              }).ToString(),
              HasSubstr("published already"));
  EXPECT_THAT(forge([](auto& body) { body["version"] = 3; }).ToString(), HasSubstr("version 2 is due"));
  EXPECT_THAT(forge([&](auto& body) {
                body["version"] = 2;
                body["targets"]["models/other/1.0.0/release.json"] = body["targets"][path];
              }).ToString(),
              HasSubstr("may not speak for"));
  EXPECT_THAT(forge([&](auto& body) {
                body["version"] = 2;
                body["targets"]["models/detector/1.0.1/release.json"] = body["targets"][path];
              }).ToString(),
              HasSubstr("its file is not here"));
  EXPECT_THAT(forge([](auto& body) {
                body["version"] = 2;
                body["expires"] = "2001-01-01T00:00:00Z";
              }).ToString(),
              HasSubstr("expired"));
}

TEST(Repository, RefreshesOnlineRolesWhenTheyHaveLivedHalfTheirLife) {
  TestRepository test;
  ASSERT_OK(
      test.repository->Delegate("models.detector", {"models/detector/*/*"}, {{test.NewKey("release")}, 1}));
  const std::string sha256 = test.PublishRelease("detector", "1.0.0", "{}", {"release"});
  const RoleSigners online{{test.publics["online"]}, 1};
  ASSERT_OK(test.repository->SetRollout("stable", "detector", RolloutOf("1.0.0", sha256), &online));
  EXPECT_FALSE(*test.repository->RefreshOnlineRoles());
  Client client = test.NewClient();
  for (int day = 0; day < 60; ++day) {
    test.now += 43200 + 60;
    ASSERT_TRUE(*test.repository->RefreshOnlineRoles()) << day;
    ASSERT_OK(client.Refresh());
    ASSERT_TRUE(client.FindTarget("rollouts/stable/detector.json").ok());
  }
  // Rollout documents never live longer than a day.
  EXPECT_LE(test.repository->Role("rollouts.stable")->expires, test.now + 86400);
}

TEST(Repository, DeltasAreNamedByWhatTheyLeadFromAndTo) {
  TestRepository test;
  const std::string source = test.Write("delta", "delta bytes");
  const std::string base(64, 'a');
  const std::string result(64, 'b');
  ASSERT_OK(test.repository->AddDelta(base, result, source));
  ASSERT_OK(test.repository->AddDelta(base, result, source));
  Client client = test.NewClient();
  ASSERT_OK(client.Refresh());
  auto delta = client.FindTarget("deltas/aaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb.wdelta");
  ASSERT_TRUE(delta.ok()) << delta.status().ToString();
  EXPECT_EQ(delta->custom, R"({"base":")" + base + R"(","result":")" + result + R"("})");
  EXPECT_EQ(test.repository->Role("deltas")->version, 1);
  EXPECT_FALSE(test.repository->AddDelta("../../etc", result, source).ok());
}

TEST(Repository, KeysRotateAndAreRevoked) {
  TestRepository test;
  Client client = test.NewClient();
  ASSERT_OK(client.Refresh());
  for (const char* role : {"timestamp", "snapshot", "targets", "root"}) {
    const std::string old_id = test.repository->Root()->roles.at(role).key_ids[0];
    ASSERT_OK(test.repository->RotateKey(role, old_id, test.NewKey(std::string("new ") + role)));
    ASSERT_OK(client.Refresh());
    const auto& ids = client.root()->roles.at(role).key_ids;
    EXPECT_EQ(std::ranges::find(ids, old_id), ids.end()) << role;
  }
  EXPECT_EQ(client.root()->version, 5);

  ASSERT_OK(
      test.repository->Delegate("models.detector", {"models/detector/*/*"}, {{test.NewKey("alice")}, 1}));
  test.PublishRelease("detector", "1.0.0", "{}", {"alice"});
  // The last key of a role cannot go.
  EXPECT_THAT(test.repository->RevokeKey(test.ids["alice"]).ToString(), HasSubstr("rotate the key instead"));
  ASSERT_OK(test.repository->AddKey("models.detector", test.NewKey("bob")));
  EXPECT_FALSE(test.repository->AddKey("models.detector", test.publics["bob"]).ok());
  ASSERT_OK(test.repository->RevokeKey(test.ids["alice"]));
  EXPECT_EQ(test.repository->RevokeKey(test.ids["alice"]).code(), Code::kNotFound);
  ASSERT_OK(client.Refresh());
  ASSERT_TRUE(client.FindTarget("models/detector/1.0.0/release.json").ok());
  Status status;
  test.PublishRelease("detector", "1.1.0", "{}", {"alice"}, &status);
  EXPECT_FALSE(status.ok());
  test.PublishRelease("detector", "1.1.0", "{}", {"bob"}, &status);
  ASSERT_OK(std::move(status));
  EXPECT_FALSE(test.repository->SetThreshold("models.detector", 2).ok());
  ASSERT_OK(test.repository->AddKey("models.detector", test.NewKey("carol")));
  ASSERT_OK(test.repository->SetThreshold("models.detector", 2));
  ASSERT_OK(client.Refresh());
  ASSERT_TRUE(client.FindTarget("models/detector/1.1.0/release.json").ok());
}

TEST(Repository, SaysWhichKeysAreMissing) {
  TestRepository test;
  auto online_only = std::make_shared<KeyStore>();
  auto file = test.store->Find(test.ids["online"])->Serialize("p", {1, 8192});
  auto online = SigningKey::Parse(*file, "p");
  ASSERT_TRUE(online.ok());
  online_only->Add(std::move(*online));
  auto repository = Repository::Open(test.folder, online_only, test.options);
  ASSERT_TRUE(repository.ok()) << repository.status().ToString();
  ASSERT_OK(repository->RefreshTimestamp());
  EXPECT_THAT(repository->Delegate("models.a", {"models/a/*/*"}, {{test.publics["online"]}, 1}).ToString(),
              HasSubstr("too few keys of the role 'targets'"));
  EXPECT_THAT(repository->RotateKey("timestamp", test.ids["online"], test.NewKey("other")).ToString(),
              HasSubstr("too few keys of the role 'root'"));
}

TEST(Repository, DoesNotSignWhatWasSlippedIntoItsFolder) {
  TestRepository test;
  ASSERT_OK(
      test.repository->Delegate("models.detector", {"models/detector/*/*"}, {{test.NewKey("release")}, 1}));
  const std::string sha256 = test.PublishRelease("detector", "1.0.0", "{}", {"release"});
  const RoleSigners online{{test.publics["online"]}, 1};
  ASSERT_OK(test.repository->SetRollout("stable", "detector", RolloutOf("1.0.0", sha256), &online));
  std::string role = test.Read("metadata/1.rollouts.stable.json");
  role[role.find("length") + 9] ^= 1;
  test.Write("metadata/1.rollouts.stable.json", role);
  test.now += 50000;
  EXPECT_FALSE(test.repository->RefreshOnlineRoles().ok());
  EXPECT_FALSE(test.repository->SetRollout("stable", "detector", RolloutOf("1.0.0", sha256)).ok());
}

TEST(Repository, WhatAPowerCutLeftBehindIsWrittenOver) {
  TestRepository test;
  test.Write("metadata/2.snapshot.json", "half a fi");
  test.Write("metadata/1.models.detector.json", "{}");
  ASSERT_OK(
      test.repository->Delegate("models.detector", {"models/detector/*/*"}, {{test.NewKey("release")}, 1}));
  test.PublishRelease("detector", "1.0.0", "{}", {"release"});
  Client client = test.NewClient();
  ASSERT_OK(client.Refresh());
  EXPECT_TRUE(client.FindTarget("models/detector/1.0.0/release.json").ok());
}

TEST(Repository, ARootWhoseTimestampWasCutOffIsCompleted) {
  TestRepository test;
  const std::string old_timestamp = test.Read("metadata/timestamp.json");
  ASSERT_OK(test.repository->RotateKey("timestamp", test.ids["online"], test.NewKey("new")));
  test.Write("metadata/timestamp.json", old_timestamp);
  ASSERT_OK(test.repository->RefreshTimestamp());
  Client client = test.NewClient();
  ASSERT_OK(client.Refresh());
  EXPECT_EQ(client.root()->version, 2);
}

TEST(Repository, ReadersSeeAWholeStateAtEveryMoment) {
  TestRepository test;
  ASSERT_OK(
      test.repository->Delegate("models.detector", {"models/detector/*/*"}, {{test.NewKey("release")}, 1}));
  const std::string sha256 = test.PublishRelease("detector", "1.0.0", "{}", {"release"});
  const RoleSigners online{{test.publics["online"]}, 1};
  ASSERT_OK(test.repository->SetRollout("stable", "detector", RolloutOf("1.0.0", sha256), &online));
  Client client = test.NewClient();
  ASSERT_OK(client.Refresh());
  std::atomic<bool> done{false};
  std::vector<std::string> failures;
  int refreshes = 0;
  std::thread reader([&] {
    while (!done || refreshes == 0) {
      Status status = client.Refresh();
      ++refreshes;
      if (status.ok()) status = client.FindTarget("rollouts/stable/detector.json").TakeStatus();
      if (!status.ok()) failures.push_back(status.ToString());
    }
  });
  for (int i = 0; i < 30; ++i) {
    std::string document = RolloutOf("1.0.0", sha256);
    document.insert(1, "\"sequence\":" + std::to_string(i) + ",");
    EXPECT_TRUE(test.repository->SetRollout("stable", "detector", document).ok());
    if (i % 10 == 5) {
      const std::string old_id = test.repository->Root()->roles.at("timestamp").key_ids[0];
      EXPECT_TRUE(test.repository->RotateKey("timestamp", old_id, test.NewKey("t" + std::to_string(i))).ok());
    }
  }
  done = true;
  reader.join();
  EXPECT_THAT(failures, IsEmpty());
  EXPECT_EQ(client.root()->version, 4);
}

TEST(Repository, TwoEditorsDoNotLoseEachOthersWork) {
  TestRepository test;
  auto other = Repository::Open(test.folder, test.store, test.options);
  ASSERT_TRUE(other.ok());
  const auto work = [&](Repository& repository, char letter) {
    for (int i = 0; i < 10; ++i) {
      const std::string base(64, static_cast<char>(letter));
      const std::string result = Sha256Hex(std::string(1, letter) + std::to_string(i));
      EXPECT_TRUE(repository.AddDelta(base, result, test.folder + "/source").ok());
    }
  };
  test.Write("source", "bytes");
  std::thread thread([&] { work(*other, 'a'); });
  work(*test.repository, 'b');
  thread.join();
  EXPECT_EQ(test.repository->Role("deltas")->targets.size(), 20u);
}

TEST(Repository, IsMadeOnlyOnceAndOnlyWithEnoughKeys) {
  TestRepository test;
  RepositoryPlan plan;
  plan.root = plan.targets = plan.snapshot = plan.timestamp = {{test.publics["online"]}, 1};
  EXPECT_FALSE(Repository::Create(test.folder, test.store, plan).ok());
  const std::string elsewhere = test.folder + "/elsewhere";
  plan.root.threshold = 2;
  EXPECT_FALSE(Repository::Create(elsewhere, test.store, plan).ok());
  plan.root.threshold = 1;
  EXPECT_FALSE(Repository::Create(elsewhere, std::make_shared<KeyStore>(), plan).ok());
  EXPECT_FALSE(Repository::Open(elsewhere, test.store).ok());
  EXPECT_TRUE(Repository::Create(elsewhere, test.store, plan).ok());
}

}  // namespace
}  // namespace whet::fleet
