// The client's workflow, and every attack that the TUF specification names, each tried on it.
#include "fleet/tuf/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/utc_time.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/repository_testing.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TestRepository;

#define ASSERT_OK(expression)                                \
  do {                                                       \
    const Status whet_status = (expression);                 \
    ASSERT_TRUE(whet_status.ok()) << whet_status.ToString(); \
  } while (false)

// A repository with a release in models.detector (keys alice and bob, both must sign) and a client that knows
// it.
struct ClientTest : ::testing::Test {
  void SetUp() override {
    ASSERT_OK(test.repository->Delegate("models.detector", {"models/detector/*/*"},
                                        {{test.NewKey("alice"), test.NewKey("bob")}, 2}));
    release_sha256 = test.PublishRelease("detector", "1.0.0", "{\"release\":1}", {"alice", "bob"});
    client = std::make_unique<Client>(test.NewClient());
    ASSERT_OK(client->Refresh());
    before = test.metadata.files;
  }

  std::map<std::string, std::string>& lies() { return test.fetcher().lies; }
  // A refresh that must fail, and leave what is trusted as it was.
  std::string Refused() {
    const Status status = client->Refresh();
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(test.metadata.files, before);
    return status.ToString();
  }
  int64_t Version(const std::string& role) {
    return Json::parse(test.metadata.files.at(role))["signed"]["version"];
  }

  TestRepository test;
  std::string release_sha256;
  std::unique_ptr<Client> client;
  std::map<std::string, std::string> before;
};

constexpr char kRelease[] = "models/detector/1.0.0/release.json";

TEST_F(ClientTest, StoresTheRepositorysBytes) {
  EXPECT_EQ(test.metadata.files.at("timestamp"), test.Read("metadata/timestamp.json"));
  EXPECT_EQ(test.metadata.files.at("root"), test.Read("metadata/1.root.json"));
}

TEST_F(ClientTest, AClientThatKnowsNothingFindsNothing) {
  Client fresh = test.NewClient();
  EXPECT_FALSE(fresh.FindTarget(kRelease).ok());
  test.metadata.files.clear();
  testing::MemoryStore empty;
  Client without_root({"http://repo/metadata", "", "", {}, {}}, empty, test.fetcher());
  EXPECT_EQ(without_root.Refresh().code(), Code::kNotFound);
}

TEST_F(ClientTest, InitWantsARootThatItsOwnKeysSigned) {
  testing::MemoryStore store;
  const std::string root = test.Read("metadata/1.root.json");
  ASSERT_OK(ClientInit(store, root));
  EXPECT_EQ(store.files.at("root"), root);
  EXPECT_FALSE(ClientInit(store, test.Forge(root, {"root1"}, [](Json&) {})).ok());
  EXPECT_FALSE(ClientInit(store, test.Read("metadata/timestamp.json")).ok());
  EXPECT_FALSE(ClientInit(store, "").ok());
}

TEST_F(ClientTest, WrongSignature) {
  for (const char* name : {"metadata/timestamp.json", "metadata/2.root.json"}) {
    const std::string honest =
        test.Read(std::string(name).ends_with("root.json") ? "metadata/1.root.json" : name);
    test.NewKey("mallory");
    lies().clear();
    lies()[name] =
        test.Forge(honest, {"mallory"}, [](Json& body) { body["version"] = body["version"].get<int>() + 1; });
    EXPECT_THAT(Refused(), HasSubstr("keys signed it")) << name;
    // The right key's id over another key's signature.
    Json document = Json::parse(lies()[name]);
    document["signatures"][0]["keyid"] = Json::parse(honest)["signatures"][0]["keyid"];
    lies()[name] = document.dump();
    EXPECT_THAT(Refused(), HasSubstr("keys signed it")) << name;
    // Signed by nobody.
    document["signatures"] = Json::array();
    lies()[name] = document.dump();
    EXPECT_THAT(Refused(), HasSubstr("0 of its role's keys")) << name;
  }
}

TEST_F(ClientTest, AChangedByteOfWhatWasSigned) {
  test.now += 3600;
  ASSERT_OK(test.repository->RefreshTimestamp());
  std::string text = test.Read("metadata/timestamp.json");
  const size_t length = text.find("\"length\":");
  text[length + 9] = text[length + 9] == '9' ? '8' : '9';
  lies()["metadata/timestamp.json"] = text;
  EXPECT_THAT(Refused(), HasSubstr("0 of its role's keys"));
}

TEST_F(ClientTest, RollbackOfTheTimestamp) {
  const std::string old = test.Read("metadata/timestamp.json");
  ASSERT_OK(test.repository->RefreshTimestamp());
  ASSERT_OK(client->Refresh());
  before = test.metadata.files;
  lies()["metadata/timestamp.json"] = old;
  EXPECT_THAT(Refused(), HasSubstr("rollback"));
  // Even one signed anew, whose snapshot is older.
  lies()["metadata/timestamp.json"] =
      test.Forge(test.Read("metadata/timestamp.json"), {"online"}, [](Json& body) {
        body["version"] = 100;
        body["meta"]["snapshot.json"]["version"] = 1;
      });
  EXPECT_THAT(Refused(), HasSubstr("rollback"));
}

TEST_F(ClientTest, RollbackOfARoleByWhoeverHasTheOnlineKey) {
  // A second release, then a snapshot that lists the state before it again.
  test.PublishRelease("detector", "1.1.0", "{}", {"alice", "bob"});
  ASSERT_OK(client->Refresh());
  const int64_t snapshot_version = Version("snapshot");
  const auto lie = [&](const std::function<void(Json&)>& change) {
    const std::string name = std::to_string(snapshot_version + 1) + ".snapshot.json";
    const std::string snapshot = test.Forge(test.metadata.files.at("snapshot"), {"online"}, [&](Json& body) {
      body["version"] = snapshot_version + 1;
      change(body["meta"]);
    });
    lies()["metadata/" + name] = snapshot;
    lies()["metadata/timestamp.json"] =
        test.Forge(test.Read("metadata/timestamp.json"), {"online"}, [&](Json& body) {
          body["version"] = body["version"].get<int>() + 1;
          body["meta"]["snapshot.json"] = {{"version", snapshot_version + 1}};
        });
    const Status status = client->Refresh();
    EXPECT_EQ(Version("snapshot"), snapshot_version);
    test.metadata.files["timestamp"] = test.Read("metadata/timestamp.json");
    return status.ToString();
  };
  EXPECT_THAT(lie([](Json& meta) { meta["models.detector.json"] = {{"version", 1}}; }),
              HasSubstr("rollback"));
  EXPECT_THAT(lie([](Json& meta) { meta.erase("models.detector.json"); }), HasSubstr("no longer lists"));
  EXPECT_THAT(lie([](Json& meta) { meta.erase("targets.json"); }), HasSubstr("targets.json"));
}

TEST_F(ClientTest, Freeze) {
  // The repository goes on; the attacker keeps serving what was there.
  const auto frozen = test.Read("metadata/timestamp.json");
  lies()["metadata/timestamp.json"] = frozen;
  test.now += 86400 / 2;
  ASSERT_OK(client->Refresh());
  test.now += 86400 / 2 + 1;
  ASSERT_OK(test.repository->RefreshTimestamp());
  EXPECT_THAT(Refused(), HasSubstr("timestamp: version 3 has expired"));
  lies().clear();
  ASSERT_OK(client->Refresh());
}

TEST_F(ClientTest, ExpiredMetadataOfEveryRole) {
  test.now += 400 * 86400;
  EXPECT_THAT(Refused(), HasSubstr("root: version 1 has expired"));
  const auto forge_root = [&] {
    return test.Forge(test.Read("metadata/1.root.json"), {"root1", "root2"}, [&](Json& body) {
      body["version"] = 2;
      body["expires"] = FormatUtcTime(test.now + 86400);
    });
  };
  lies()["metadata/2.root.json"] = forge_root();
  EXPECT_THAT(client->Refresh().ToString(), HasSubstr("timestamp: version 3 has expired"));
  const auto extend = [&](Json& body) {
    body["version"] = 1000;
    body["expires"] = FormatUtcTime(test.now + 86400);
  };
  lies()["metadata/timestamp.json"] = test.Forge(test.Read("metadata/timestamp.json"), {"online"}, extend);
  EXPECT_THAT(client->Refresh().ToString(), HasSubstr("snapshot: version 3 has expired"));
}

TEST_F(ClientTest, MixAndMatch) {
  // A snapshot of one moment with the timestamp of another.
  const std::string old_snapshot = test.Read("metadata/3.snapshot.json");
  ASSERT_FALSE(old_snapshot.empty());
  test.PublishRelease("detector", "1.1.0", "{}", {"alice", "bob"});
  lies()["metadata/4.snapshot.json"] = old_snapshot;
  EXPECT_THAT(client->Refresh().ToString(), HasSubstr("snapshot"));
  EXPECT_EQ(test.metadata.files.at("snapshot"), before.at("snapshot"));
  // A role of one moment with the snapshot of another.
  lies().clear();
  lies()["metadata/2.models.detector.json"] = test.Read("metadata/1.models.detector.json");
  ASSERT_OK(client->Refresh());
  EXPECT_THAT(client->FindTarget("models/detector/1.1.0/release.json").status().ToString(),
              HasSubstr("models.detector"));
  // Where a snapshot gives no hashes, the versions inside must fit.
  const std::string listing = test.Forge(test.Read("metadata/4.snapshot.json"), {"online"}, [](Json& body) {
    body["version"] = 5;
    body["meta"]["models.detector.json"] = {{"version", 2}};
  });
  lies()["metadata/5.snapshot.json"] = listing;
  lies()["metadata/timestamp.json"] =
      test.Forge(test.Read("metadata/timestamp.json"), {"online"}, [](Json& body) {
        body["version"] = 50;
        body["meta"]["snapshot.json"] = {{"version", 5}};
      });
  ASSERT_OK(client->Refresh());
  EXPECT_THAT(client->FindTarget("models/detector/1.1.0/release.json").status().ToString(),
              HasSubstr("mix and match"));
}

TEST_F(ClientTest, OversizedMetadata) {
  const std::string large = std::string(17000, ' ') + test.Read("metadata/timestamp.json");
  lies()["metadata/timestamp.json"] = large;
  EXPECT_THAT(Refused(), HasSubstr("too much data"));
  lies().clear();
  lies()["metadata/2.root.json"] = std::string(600000, ' ');
  EXPECT_THAT(Refused(), HasSubstr("too much data"));
  // A role is not longer than the snapshot says.
  lies().clear();
  test.PublishRelease("detector", "1.1.0", "{}", {"alice", "bob"});
  lies()["metadata/4.snapshot.json"] = test.Read("metadata/4.snapshot.json") + " ";
  EXPECT_THAT(client->Refresh().ToString(), HasSubstr("too much data"));
}

TEST_F(ClientTest, DeepAndBrokenJson) {
  for (const std::string& text :
       {std::string(8000, '['),
        std::string("{\"signed\":") + std::string(4000, '[') + std::string(4000, ']') + "}",
        std::string("{}"), std::string("null"), std::string("\xff\xfe"), std::string()}) {
    lies()["metadata/timestamp.json"] = text;
    (void)Refused();
  }
}

TEST_F(ClientTest, WrongTypesEverywhere) {
  // Every member of the signed part in turn becomes each kind of value; the signatures are right.
  const std::string honest = test.Read("metadata/timestamp.json");
  const Json signed_part = Json::parse(honest)["signed"];
  for (const auto& [name, value] : signed_part.items()) {
    for (const Json& other :
         {Json(nullptr), Json(-1), Json(1.5), Json("x"), Json::array({1}), Json::object()}) {
      lies()["metadata/timestamp.json"] = test.Forge(honest, {"online"}, [&](Json& body) {
        body["version"] = 100;
        body[name] = other;
      });
      EXPECT_FALSE(client->Refresh().ok()) << name << " " << other;
      EXPECT_EQ(test.metadata.files, before);
    }
  }
}

TEST_F(ClientTest, KeyCompromiseBelowTheThreshold) {
  ASSERT_TRUE(client->FindTarget(kRelease).ok());
  // Mallory has one of two release keys, and the online keys.
  const std::string role =
      test.Forge(test.Read("metadata/1.models.detector.json"), {"alice"}, [](Json& body) {
        body["version"] = 2;
        body["targets"]["models/detector/6.6.6/release.json"] = {
            {"length", 1}, {"hashes", {{"sha256", std::string(64, '6')}}}};
      });
  lies()["metadata/2.models.detector.json"] = role;
  lies()["metadata/4.snapshot.json"] =
      test.Forge(test.Read("metadata/3.snapshot.json"), {"online"}, [](Json& body) {
        body["version"] = 4;
        body["meta"]["models.detector.json"] = {{"version", 2}};
      });
  lies()["metadata/timestamp.json"] =
      test.Forge(test.Read("metadata/timestamp.json"), {"online"}, [](Json& body) {
        body["version"] = 4;
        body["meta"]["snapshot.json"] = {{"version", 4}};
      });
  ASSERT_OK(client->Refresh());
  auto found = client->FindTarget("models/detector/6.6.6/release.json");
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.status().ToString(), HasSubstr("1 of its role's keys signed it; 2 must"));
  EXPECT_EQ(test.metadata.files.at("models.detector").find("6.6.6"), std::string::npos);
}

TEST_F(ClientTest, OneRootKeyOfTwoMakesNoRoot) {
  lies()["metadata/2.root.json"] = test.Forge(test.Read("metadata/1.root.json"), {"root1"}, [](Json& body) {
    body["version"] = 2;
    body["roles"]["root"]["threshold"] = 1;
  });
  EXPECT_THAT(Refused(), HasSubstr("by the trusted root: 1 of its role's keys signed it; 2 must"));
  // New keys alone, however many, are not enough either.
  const std::string a = test.NewKey("a");
  const std::string b = test.NewKey("b");
  lies()["metadata/2.root.json"] = test.Forge(test.Read("metadata/1.root.json"), {"a", "b"}, [&](Json& body) {
    body["version"] = 2;
    body["keys"][test.ids["a"]] = Ed25519KeyJson(a);
    body["keys"][test.ids["b"]] = Ed25519KeyJson(b);
    body["roles"]["root"]["keyids"] = {test.ids["a"], test.ids["b"]};
  });
  EXPECT_THAT(Refused(), HasSubstr("by the trusted root"));
}

TEST_F(ClientTest, ARootSkipsNoVersion) {
  lies()["metadata/2.root.json"] = test.Forge(test.Read("metadata/1.root.json"), {"root1", "root2"},
                                              [](Json& body) { body["version"] = 3; });
  EXPECT_THAT(Refused(), HasSubstr("has the version 3 instead of 2"));
}

TEST_F(ClientTest, OneKeyCountsOnceHoweverOftenItSigns) {
  const std::string root = test.Read("metadata/1.root.json");
  // The same signature twice.
  Json twice = Json::parse(test.Forge(root, {"root1"}, [](Json& body) { body["version"] = 2; }));
  twice["signatures"].push_back(twice["signatures"][0]);
  lies()["metadata/2.root.json"] = twice.dump();
  EXPECT_THAT(Refused(), HasSubstr("two signatures by the key"));
  // The same key under two ids, both of them right: an extra member makes another id of it.
  const std::string id1 = test.ids["alice"];
  Json key = Ed25519KeyJson(test.publics["alice"]);
  key["note"] = "another";
  const std::string id2 = *KeyIdOf(key);
  KeyMap keys;
  keys.emplace(id1, *ParsePublicKey(id1, Ed25519KeyJson(test.publics["alice"])));
  keys.emplace(id2, *ParsePublicKey(id2, key));
  SignedMetadata metadata;
  metadata.canonical = "{}";
  const auto signature = test.store->Find(id1)->Sign("{}");
  metadata.signatures = {{id1, signature}, {id2, signature}};
  EXPECT_TRUE(VerifyThreshold(metadata, keys, {{id1, id2}, 1}).ok());
  EXPECT_FALSE(VerifyThreshold(metadata, keys, {{id1, id2}, 2}).ok());
  // Another key under somebody's id.
  keys.clear();
  keys.emplace(id1, *ParsePublicKey(id1, Ed25519KeyJson(test.publics["bob"])));
  metadata.signatures = {{id1, test.store->Find(test.ids["bob"])->Sign("{}")}};
  EXPECT_FALSE(VerifyThreshold(metadata, keys, {{id1}, 1}).ok());
}

TEST_F(ClientTest, PathTraversalInTargetNames) {
  for (const char* path : {"../../etc/passwd", "/etc/passwd", "models/../../x", "a//b", "."}) {
    EXPECT_EQ(client->FindTarget(path).status().code(), Code::kInvalidArgument) << path;
  }
}

TEST_F(ClientTest, PathTraversalInRoleNames) {
  const auto role_named = [&](const std::string& name) {
    return ParseTargets(test.Forge(test.Read("metadata/2.targets.json"), {"targets"},
                                   [&](Json& body) { body["delegations"]["roles"][0]["name"] = name; }));
  };
  ASSERT_TRUE(role_named("../../x").ok());
  EXPECT_EQ(RoleFileName("../../x"), "..%2F..%2Fx.json");
  // A delegated role may not take the place of a top-level one on disk.
  for (const char* name : {"root", "timestamp", "snapshot", "targets", ""})
    EXPECT_FALSE(role_named(name).ok()) << name;
  EXPECT_FALSE(role_named(std::string(300, 'x')).ok());
}

TEST_F(ClientTest, PathTraversalInHashes) {
  const std::string text =
      test.Forge(test.Read("metadata/1.models.detector.json"), {"alice"},
                 [](Json& body) { body["targets"][kRelease]["hashes"] = {{"sha256", "../../../../tmp/x"}}; });
  EXPECT_FALSE(ParseTargets(text).ok());
}

TEST_F(ClientTest, TargetsGetTheirNameOnlyWhenTheyAreRight) {
  auto target = client->FindTarget(kRelease);
  ASSERT_TRUE(target.ok()) << target.status().ToString();
  const std::string path = test.folder + "/download";
  const std::string url_path = "targets/models/detector/1.0.0/" + release_sha256 + ".release.json";
  EXPECT_EQ(client->TargetUrl(*target), "http://repo/" + url_path);
  for (const char* bytes : {"{\"release\":2}", "{\"release\":", "{\"release\":1} and more"}) {
    lies()[url_path] = bytes;
    EXPECT_FALSE(client->Download(*target, path).ok()) << bytes;
    EXPECT_FALSE(std::filesystem::exists(path)) << bytes;
  }
  lies().clear();
  ASSERT_OK(client->Download(*target, path));
  EXPECT_EQ(test.Read("download"), "{\"release\":1}");
  // What is there is not fetched again.
  test.fetcher().requests.clear();
  ASSERT_OK(client->Download(*target, path));
  EXPECT_TRUE(test.fetcher().requests.empty());
}

TEST_F(ClientTest, ATargetWithoutAKnownHashIsRefused) {
  TargetFile target;
  target.path = kRelease;
  target.length = 1;
  target.hashes["md5"] = std::string(32, '0');
  EXPECT_EQ(client->Download(target, test.folder + "/x").code(), Code::kUnsupported);
}

TEST_F(ClientTest, ARoleSpeaksOnlyForItsOwnPaths) {
  ASSERT_OK(test.repository->Delegate("models.other", {"models/other/*/*"}, {{test.NewKey("mallory")}, 1}));
  // models.other claims a release of models.detector. The editor would refuse to publish it; the attacker
  // does not ask.
  lies()["metadata/1.models.other.json"] =
      test.Forge(test.Read("metadata/1.models.detector.json"), {"mallory"}, [](Json& body) {
        body["targets"] = {
            {"models/detector/9.9.9/release.json", {{"length", 1}, {"hashes", {{"sha256", "00"}}}}},
            {"models/other/1.0.0/release.json", {{"length", 1}, {"hashes", {{"sha256", "00"}}}}}};
      });
  const std::string timestamp = test.Read("metadata/timestamp.json");
  const int64_t snapshot_version = Json::parse(timestamp)["signed"]["meta"]["snapshot.json"]["version"];
  const std::string name = "metadata/" + std::to_string(snapshot_version + 1) + ".snapshot.json";
  lies()[name] = test.Forge(test.Read("metadata/" + std::to_string(snapshot_version) + ".snapshot.json"),
                            {"online"}, [&](Json& body) {
                              body["version"] = snapshot_version + 1;
                              body["meta"]["models.other.json"] = {{"version", 1}};
                            });
  lies()["metadata/timestamp.json"] = test.Forge(timestamp, {"online"}, [&](Json& body) {
    body["version"] = 100;
    body["meta"]["snapshot.json"] = {{"version", snapshot_version + 1}};
  });
  ASSERT_OK(client->Refresh());
  EXPECT_EQ(client->FindTarget("models/detector/9.9.9/release.json").status().code(), Code::kNotFound);
  EXPECT_TRUE(client->FindTarget("models/other/1.0.0/release.json").ok());
  auto listed = client->LoadDelegatedRole("models.other");
  ASSERT_TRUE(listed.ok()) << listed.status().ToString();
  EXPECT_EQ(listed->targets.size(), 1u);
  EXPECT_EQ(client->LoadDelegatedRole("models.none").status().code(), Code::kNotFound);
}

TEST_F(ClientTest, FastForwardRecovery) {
  // Whoever had the online key has pushed the versions up to where nobody can follow.
  lies()["metadata/1000000.snapshot.json"] = test.Forge(test.Read("metadata/3.snapshot.json"), {"online"},
                                                        [](Json& body) { body["version"] = 1000000; });
  lies()["metadata/timestamp.json"] =
      test.Forge(test.Read("metadata/timestamp.json"), {"online"}, [](Json& body) {
        body["version"] = 1000000;
        body["meta"]["snapshot.json"] = {{"version", 1000000}};
      });
  ASSERT_OK(client->Refresh());
  lies().clear();
  EXPECT_THAT(client->Refresh().ToString(), HasSubstr("rollback"));
  // New keys for both roles, and the client goes on from the repository's own versions.
  test.NewKey("online2");
  ASSERT_OK(test.repository->RotateKey("timestamp", test.ids["online"], test.publics["online2"]));
  ASSERT_OK(test.repository->RotateKey("snapshot", test.ids["online"], test.publics["online2"]));
  ASSERT_OK(client->Refresh());
  EXPECT_LT(Version("timestamp"), 100);
  EXPECT_LT(Version("snapshot"), 100);
  EXPECT_TRUE(client->FindTarget(kRelease).ok());
}

TEST_F(ClientTest, DamagedStoredMetadataIsFetchedAgain) {
  for (const char* role : {"timestamp", "snapshot", "targets", "models.detector"}) {
    test.metadata.files[role] = "damaged";
    ASSERT_OK(client->Refresh());
    EXPECT_TRUE(client->FindTarget(kRelease).ok()) << role;
    EXPECT_NE(test.metadata.files[role], "damaged") << role;
  }
  test.metadata.files["root"] = "damaged";
  EXPECT_FALSE(client->Refresh().ok());
}

TEST_F(ClientTest, NoMoreRolesAreVisitedThanAllowed) {
  // A chain of roles without an end, each delegating everything to the next; all by one key.
  const Json key = Ed25519KeyJson(test.publics["targets"]);
  const std::string id = test.ids["targets"];
  const auto chain = [&](const std::string& text, const std::string& next) {
    return test.Forge(text, {"targets"}, [&](Json& body) {
      body["version"] = 9;
      body["delegations"] = {
          {"keys", {{id, key}}},
          {"roles",
           {{{"name", next}, {"keyids", {id}}, {"threshold", 1}, {"paths", {"*"}}, {"terminating", false}}}}};
    });
  };
  const std::string targets = test.Read("metadata/2.targets.json");
  Json meta = {{"targets.json", {{"version", 9}}}, {"models.detector.json", {{"version", 9}}}};
  lies()["metadata/9.targets.json"] = chain(targets, "role0");
  for (int i = 0; i < 100; ++i) {
    const std::string name = "role" + std::to_string(i);
    lies()["metadata/9." + name + ".json"] = chain(targets, "role" + std::to_string(i + 1));
    meta[name + ".json"] = {{"version", 9}};
  }
  lies()["metadata/9.snapshot.json"] =
      test.Forge(test.Read("metadata/3.snapshot.json"), {"online"}, [&](Json& body) {
        body["version"] = 9;
        body["meta"] = meta;
      });
  lies()["metadata/timestamp.json"] =
      test.Forge(test.Read("metadata/timestamp.json"), {"online"}, [](Json& body) {
        body["version"] = 9;
        body["meta"]["snapshot.json"] = {{"version", 9}};
      });
  ASSERT_OK(client->Refresh());
  test.fetcher().requests.clear();
  EXPECT_EQ(client->FindTarget("anything").status().code(), Code::kNotFound);
  EXPECT_EQ(test.fetcher().requests.size(), 32u);
}

TEST(Metadata, SuccinctBinsAreChosenByTheHashOfThePath) {
  TargetsMetadata role;
  role.succinct = SuccinctDelegation{{{"key"}, 1}, 12, "bin"};
  const std::string hash = Sha256Hex("some/target");
  const auto bins = MatchingDelegations(role, "some/target");
  ASSERT_EQ(bins.size(), 1u);
  EXPECT_EQ(bins[0].name, "bin-" + hash.substr(0, 3));
  role.succinct->bit_length = 1;
  EXPECT_EQ(MatchingDelegations(role, "some/target")[0].name, hash[0] < '8' ? "bin-0" : "bin-1");
  role.succinct->bit_length = 32;
  EXPECT_EQ(MatchingDelegations(role, "some/target")[0].name, "bin-" + hash.substr(0, 8));
}

TEST(Metadata, HashPrefixesMatchTheHashOfThePath) {
  TargetsMetadata role;
  Delegation delegation;
  delegation.name = "a";
  delegation.path_hash_prefixes = {Sha256Hex("x").substr(0, 2)};
  role.delegations = {delegation};
  EXPECT_EQ(MatchingDelegations(role, "x").size(), 1u);
  EXPECT_EQ(MatchingDelegations(role, "y").size(),
            Sha256Hex("y").starts_with(delegation.path_hash_prefixes[0]) ? 1u : 0u);
}

}  // namespace
}  // namespace whet::fleet
