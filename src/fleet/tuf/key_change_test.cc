#include "fleet/tuf/key_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/tuf/repository_testing.h"

namespace whet::fleet {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing::TestRepository;

#define ASSERT_OK(expression)                                  \
  do {                                                         \
    const Status status_of_it = (expression);                  \
    ASSERT_TRUE(status_of_it.ok()) << status_of_it.ToString(); \
  } while (false)

// A repository whose root is signed by two, and signers with one key each.
class KeyChanges : public ::testing::Test {
 protected:
  ~KeyChanges() override { std::filesystem::remove_all(draft_); }

  // What one person has: one key.
  KeyStore Only(const std::string& name) {
    KeyStore store;
    if (test_.store->Find(test_.ids[name]) == nullptr) return store;
    auto file = test_.store->Find(test_.ids[name])->Serialize("p", {1, 8192});
    store.Add(std::move(*SigningKey::Parse(*file, "p")));
    return store;
  }
  Repository Drafting() {
    RepositoryOptions options = test_.options;
    options.draft_folder = draft_;
    return *Repository::Open(test_.folder, std::make_shared<KeyStore>(), options);
  }
  Result<KeyChange> Sign(const std::string& name) { return SignKeyChange(draft_, Only(name), test_.folder); }
  Status Apply() { return ApplyKeyChange(draft_, test_.folder, Only("online"), test_.options); }

  TestRepository test_;
  const std::string draft_ = test_.folder + "_draft";
};

TEST_F(KeyChanges, ARootIsRotatedByHoldersOfOneKeyEach) {
  Client client = test_.NewClient();
  ASSERT_OK(client.Refresh());
  const std::string old = test_.ids["root2"];
  ASSERT_OK(Drafting().RotateKey("root", old, test_.NewKey("root3")));
  EXPECT_EQ(test_.repository->Root()->version, 1) << "a draft changes nothing";

  auto change = ReadKeyChange(draft_, test_.folder);
  ASSERT_TRUE(change.ok()) << change.status().ToString();
  ASSERT_THAT(change->roles, SizeIs(1));
  EXPECT_EQ(change->roles[0].role, "root");
  EXPECT_EQ(change->roles[0].missing, 2u);
  EXPECT_THAT(change->roles[0].differences,
              ElementsAre("root: key " + test_.ids["root3"].substr(0, 12) + " comes, key " +
                          old.substr(0, 12) + " goes, 2 of 2 must sign"));
  EXPECT_THAT(Apply().ToString(), HasSubstr("too few keys of the role 'root'"));

  ASSERT_TRUE(Sign("root1").ok());
  EXPECT_THAT(Apply().ToString(), HasSubstr("too few keys of the role 'root'"));
  // The new key and one old one: enough for the new root's own rule, not for that of the old one.
  auto new_keys = Sign("root3");
  ASSERT_TRUE(new_keys.ok());
  EXPECT_EQ(new_keys->roles[0].missing, 1u);
  EXPECT_THAT(Apply().ToString(), HasSubstr("the keys that are trusted so far"));
  EXPECT_EQ(test_.repository->Root()->version, 1);
  auto complete = Sign("root2");
  ASSERT_TRUE(complete.ok());
  EXPECT_TRUE(complete->is_complete());
  EXPECT_THAT(complete->roles[0].signed_by, SizeIs(3));
  ASSERT_OK(Apply());
  ASSERT_OK(client.Refresh());
  EXPECT_EQ(client.root()->version, 2);
  EXPECT_THAT(client.root()->roles.at("root").key_ids, Contains(test_.ids["root3"]));
  EXPECT_THAT(Apply().ToString(), HasSubstr("version 3 is due"));
}

TEST_F(KeyChanges, SignaturesOfOthersCountForNothing) {
  ASSERT_OK(Drafting().SetThreshold("root", 1));
  test_.NewKey("mallory");
  EXPECT_THAT(Sign("mallory").status().ToString(), HasSubstr("none of the keys given"));
  EXPECT_THAT(Sign("nobody").status().ToString(), HasSubstr("none of the keys given"));
  ASSERT_TRUE(Sign("root1").ok());
  // Mallory's signature under the other holder's name.
  const std::string folder = draft_ + "/signatures/root/";
  std::filesystem::copy_file(folder + test_.ids["root1"] + ".json", folder + "x.json");
  nlohmann::json signature = nlohmann::json::parse(*ReadSmallFile(folder + "x.json", 1000));
  signature["keyid"] = test_.ids["root2"];
  ASSERT_TRUE(TestRepository::WriteFile(folder + "x.json", signature.dump()));
  auto change = ReadKeyChange(draft_, test_.folder);
  ASSERT_TRUE(change.ok()) << change.status().ToString();
  EXPECT_THAT(change->roles[0].signed_by, ElementsAre(test_.ids["root1"]));
  EXPECT_THAT(Apply().ToString(), HasSubstr("the keys that are trusted so far"));
}

TEST_F(KeyChanges, ADraftThatWasChangedIsSignedByNobody) {
  ASSERT_OK(Drafting().SetThreshold("root", 1));
  ASSERT_TRUE(Sign("root1").ok() && Sign("root2").ok());
  std::string root = *ReadSmallFile(draft_ + "/root.json", 1 << 20);
  const std::string expires = "\"expires\":\"20";
  root.replace(root.find(expires) + expires.size(), 2, "99");
  ASSERT_TRUE(TestRepository::WriteFile(draft_ + "/root.json", root));
  EXPECT_EQ(ReadKeyChange(draft_, test_.folder)->roles[0].missing, 2u);
  EXPECT_FALSE(Apply().ok());
  EXPECT_EQ(test_.repository->Root()->version, 1);
}

TEST_F(KeyChanges, DelegationsAndTheRolesThatMustBeSignedAnew) {
  ASSERT_OK(test_.repository->AddKey("targets", test_.NewKey("targets2")));
  ASSERT_OK(test_.repository->SetThreshold("targets", 2));
  ASSERT_OK(Drafting().Delegate("models.detector", {"models/detector/*/*"},
                                {{test_.NewKey("alice"), test_.NewKey("bob")}, 2}));
  auto change = Sign("targets");
  ASSERT_TRUE(change.ok()) << change.status().ToString();
  EXPECT_THAT(change->roles[0].differences, Contains("models.detector: may speak for models/detector/*/*"));
  EXPECT_FALSE(Apply().ok());
  ASSERT_TRUE(Sign("targets2").ok());
  ASSERT_OK(Apply());
  test_.PublishRelease("detector", "1.0.0", "{}", {"alice", "bob"});

  // A release key goes: targets and the role itself are signed apart.
  std::filesystem::remove_all(draft_);
  ASSERT_OK(Drafting().RotateKey("models.detector", test_.ids["alice"], test_.NewKey("carol")));
  auto rotation = ReadKeyChange(draft_, test_.folder);
  ASSERT_TRUE(rotation.ok()) << rotation.status().ToString();
  ASSERT_THAT(rotation->roles, SizeIs(2));
  EXPECT_EQ(rotation->roles[0].role, "models.detector");
  EXPECT_THAT(rotation->roles[0].differences, ElementsAre("signed anew, nothing else"));
  for (const char* signer : {"targets", "targets2", "bob"}) ASSERT_TRUE(Sign(signer).ok());
  EXPECT_THAT(Apply().ToString(), HasSubstr("too few keys of the role 'models.detector'"));
  ASSERT_TRUE(Sign("carol")->is_complete());
  ASSERT_OK(Apply());
  Client client = test_.NewClient();
  ASSERT_OK(client.Refresh());
  EXPECT_TRUE(client.FindTarget("models/detector/1.0.0/release.json").ok());
}

TEST_F(KeyChanges, ANewRepositoryWhoseRootSeveralSign) {
  const std::string folder = test_.folder + "_new";
  RepositoryPlan plan;
  plan.root = {{test_.publics["root1"], test_.publics["root2"], test_.NewKey("root3")}, 2};
  plan.targets = {{test_.publics["targets"]}, 1};
  plan.snapshot = plan.timestamp = plan.deltas = {{test_.publics["online"]}, 1};
  RepositoryOptions options = test_.options;
  options.draft_folder = draft_;
  ASSERT_TRUE(Repository::Create(folder, std::make_shared<KeyStore>(), plan, options).ok());
  for (const char* signer : {"root1", "root3"}) {
    EXPECT_FALSE(ApplyKeyChange(draft_, folder, Only("online"), test_.options).ok());
    ASSERT_TRUE(SignKeyChange(draft_, Only(signer), "").ok());
  }
  EXPECT_THAT(ApplyKeyChange(draft_, folder, Only("online"), test_.options).ToString(),
              HasSubstr("too few keys of the role 'targets'"));
  ASSERT_TRUE(SignKeyChange(draft_, Only("targets"), "")->is_complete());
  ASSERT_OK(ApplyKeyChange(draft_, folder, Only("online"), test_.options));
  auto repository = Repository::Open(folder, std::make_shared<KeyStore>(), test_.options);
  ASSERT_TRUE(repository.ok()) << repository.status().ToString();
  EXPECT_EQ(repository->Root()->roles.at("root").threshold, 2u);
  std::filesystem::remove_all(folder);
}

TEST_F(KeyChanges, DraftsThatDoNotFit) {
  EXPECT_EQ(ReadKeyChange(draft_, test_.folder).status().code(), Code::kIo) << "there is none";
  ASSERT_OK(Drafting().SetThreshold("root", 1));
  EXPECT_THAT(Drafting().SetThreshold("root", 1).ToString(), HasSubstr("is not empty"));
  EXPECT_THAT(ReadKeyChange(draft_, "").status().ToString(), HasSubstr("give it, or a copy"));
  ASSERT_TRUE(Sign("root1").ok() && Sign("root2").ok());
  // Somebody else was first.
  ASSERT_OK(test_.repository->AddKey("root", test_.NewKey("root9")));
  EXPECT_THAT(Apply().ToString(), HasSubstr("version 3 is due"));
  test_.now += test_.options.lifetimes.root + 1;
  std::filesystem::remove_all(draft_);
  ASSERT_TRUE(TestRepository::WriteFile(test_.folder + "/x", ""));
  std::filesystem::create_directories(draft_);
  ASSERT_TRUE(TestRepository::WriteFile(draft_ + "/snapshot.json", "{}"));
  EXPECT_THAT(ReadKeyChange(draft_, test_.folder).status().ToString(), HasSubstr("is no role"));
  std::filesystem::remove_all(draft_);
  std::filesystem::create_directories(draft_);
  EXPECT_EQ(ReadKeyChange(draft_, test_.folder).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace whet::fleet
