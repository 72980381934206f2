#include "fleet/rollout/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/json/nlohmann.h"
#include "fleet/rollout/cohort.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

RolloutDocument Example() {
  RolloutDocument document;
  document.channel = "stable";
  document.family = "detector";
  document.rollout = "r-20261126-0a1b2c3d";
  document.stable = {"1.0.0", std::string(64, 'a')};
  document.candidate = ReleaseName{"1.1.0", std::string(64, 'b')};
  document.percent = 10;
  document.sequence = 12;
  document.updated = "2026-11-26T20:00:00Z";
  return document;
}

template <typename Change>
std::string RefusalAfter(Change change) {
  Json json = Json::parse(PrintRolloutDocument(Example()));
  change(json);
  auto document = ParseRolloutDocument(json.dump());
  return document.ok() ? "taken" : document.status().ToString();
}

// Of Python: int.from_bytes(hashlib.sha256(b"r-20261126-0a1b2c3d:cam-0017").digest()[:8], "big") / 2**64
TEST(CohortTest, IsTheHashOfRolloutAndDevice) {
  EXPECT_NEAR(Cohort("r-20261126-0a1b2c3d", "cam-0017"), 0.08708447999733694, 1e-15);
  EXPECT_NEAR(Cohort("r-20261126-0a1b2c3d", "cam-0018"), 0.607101782127783, 1e-15);
  EXPECT_NEAR(Cohort("r-20261127-0a1b2c3d", "cam-0017"), 0.8529384861319639, 1e-15);
}

TEST(CohortTest, DevicesNeverLeaveAsThePercentageGrows) {
  int before = 0;
  for (const double percent : {0.0, 1.0, 10.0, 50.0, 100.0}) {
    int inside = 0;
    for (int i = 0; i < 2000; ++i) {
      const std::string device = Format("device-%d", i);
      const bool in = InCohort("rollout-of-a-test", device, percent);
      inside += in;
      if (in && percent < 100) {
        EXPECT_TRUE(InCohort("rollout-of-a-test", device, percent + 1));
      }
    }
    EXPECT_GE(inside, before);
    EXPECT_NEAR(inside, percent * 20, 60);
    before = inside;
  }
  EXPECT_EQ(before, 2000);
}

TEST(DocumentTest, ComesBack) {
  auto document = ParseRolloutDocument(PrintRolloutDocument(Example()));
  ASSERT_TRUE(document.ok()) << document.status().ToString();
  EXPECT_EQ(*document, Example());
  RolloutDocument without = Example();
  without.candidate.reset();
  without.state = RolloutState::kDone;
  document = ParseRolloutDocument(PrintRolloutDocument(without));
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(*document, without);
}

TEST(DocumentTest, WhoTakesWhat) {
  RolloutDocument document = Example();
  document.percent = 100;
  EXPECT_EQ(ReleaseFor(document, "d").version, "1.1.0");
  document.state = RolloutState::kPaused;
  EXPECT_EQ(ReleaseFor(document, "d").version, "1.1.0");
  document.state = RolloutState::kRolledBack;
  EXPECT_EQ(ReleaseFor(document, "d").version, "1.0.0");
  document.percent = 0;
  document.state = RolloutState::kRunning;
  EXPECT_EQ(ReleaseFor(document, "d").version, "1.0.0");
  document.state = RolloutState::kDone;
  EXPECT_EQ(ReleaseFor(document, "d").version, "1.1.0");
  document.candidate.reset();
  EXPECT_EQ(ReleaseFor(document, "d").version, "1.0.0");
}

TEST(DocumentTest, RefusesWhatIsNotOne) {
  const auto set = [](const char* key, const Json& value) {
    return RefusalAfter([&](Json& json) { json[key] = value; });
  };
  EXPECT_EQ(set("unknown", 1), "taken");
  EXPECT_THAT(set("format", 2), HasSubstr("'format'"));
  EXPECT_THAT(set("channel", "../x"), HasSubstr("'channel'"));
  EXPECT_THAT(set("family", 3), HasSubstr("'family'"));
  EXPECT_THAT(set("rollout", "short"), HasSubstr("'rollout'"));
  EXPECT_THAT(set("state", "exploded"), HasSubstr("'state'"));
  EXPECT_THAT(set("percent", 100.5), HasSubstr("'percent'"));
  EXPECT_THAT(set("percent", "10"), HasSubstr("'percent'"));
  EXPECT_THAT(set("percent", -1), HasSubstr("'percent'"));
  EXPECT_THAT(set("trial_s", -1), HasSubstr("'trial_s'"));
  EXPECT_THAT(set("trial_s", 1e30), HasSubstr("'trial_s'"));
  EXPECT_THAT(set("sequence", 1.5), HasSubstr("'sequence'"));
  EXPECT_THAT(set("updated", "yesterday"), HasSubstr("'updated'"));
  EXPECT_THAT(set("stable", nullptr), HasSubstr("'stable'"));
  EXPECT_THAT(set("candidate", "1.1.0"), HasSubstr("candidate: is not an object"));
  EXPECT_THAT(RefusalAfter([](Json& json) { json["stable"]["version"] = "latest"; }), HasSubstr("'version'"));
  EXPECT_THAT(RefusalAfter([](Json& json) { json["stable"]["release_sha256"] = std::string(64, 'A'); }),
              HasSubstr("'release_sha256'"));
  EXPECT_FALSE(ParseRolloutDocument("[]").ok());
  EXPECT_FALSE(ParseRolloutDocument(std::string(kMaxDocumentBytes + 1, ' ')).ok());
  EXPECT_FALSE(ParseRolloutDocument(std::string(100, '[')).ok());
}

}  // namespace
}  // namespace whet::fleet
