#include "agent/process/jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace whet::agent {
namespace {

Offer SomeOffer() {
  Offer offer;
  offer.family = "detector";
  offer.version = "1.1.0";
  offer.rollout = "rollout-of-it";
  offer.variant = "int8";
  offer.model = {.name = "models/detector/1.1.0/int8.whet", .sha256 = std::string(64, 'a'), .bytes = 12};
  offer.trial_s = 600.5;
  return offer;
}

TEST(Jobs, ComeBackAsTheyWere) {
  FetchRequestJob job;
  job.access.url = "http://localhost/repo";
  job.job.offer = SomeOffer();
  job.job.folder = "/var/lib/\"quoted\"";
  const std::string text = ToJson(job);
  EXPECT_EQ(JobKind(text), "fetch");
  const auto parsed = ParseFetchJob(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ(parsed->job.offer, job.job.offer);
  EXPECT_EQ(parsed->job.folder, job.job.folder);
  EXPECT_EQ(parsed->access.url, job.access.url);
}

TEST(Jobs, AnswersAndErrorsComeBackAsTheyWere) {
  RefreshReport report;
  report.families.push_back({.family = "detector", .offer = SomeOffer(), .refused = ""});
  report.families.push_back({.family = "other", .offer = std::nullopt, .refused = "no rollout"});
  const auto parsed = ParseRefreshAnswer(AnswerOf(report));
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ(*parsed->families[0].offer, SomeOffer());
  EXPECT_FALSE(parsed->families[1].offer.has_value());
  const auto error = ParseRefreshAnswer(AnswerOf(Error(Code::kBadFile, "signed by nobody")));
  EXPECT_EQ(error.status().code(), Code::kBadFile);
  EXPECT_EQ(error.status().what(), "signed by nobody");
  const std::string busy = AnswerOf(Error(Code::kIo, "busy"), 90);
  EXPECT_EQ(RetryAfterOf(busy), 90);
  EXPECT_EQ(ParseFetchAnswer(busy).status().what(), "busy");
  for (const char* text : {"", "7", "{}", R"({"error": 7})", R"({"error": {"retry_after_s": "soon"}})",
                           R"({"error": {"retry_after_s": -5}})", R"({"ok": {}})"}) {
    EXPECT_EQ(RetryAfterOf(text), 0) << text;
  }
  SelfTestReport test;
  test.outcome = SelfTestReport::Outcome::kOverBudget;
  test.latency_ms_p95 = 7.5;
  const auto tested = ParseSelfTestAnswer(AnswerOf(test));
  EXPECT_EQ(tested->outcome, SelfTestReport::Outcome::kOverBudget);
  EXPECT_EQ(tested->latency_ms_p95, 7.5);
}

TEST(Jobs, WhatAChildSaysInsteadIsAnError) {
  for (const char* text :
       {"", "7", "[]", "{}", R"({"ok": 7})", R"({"ok": {"families": 7, "unchanged": false}})",
        R"({"error": {}})", R"({"error": {"code": 99, "message": "x"}})"}) {
    EXPECT_FALSE(ParseRefreshAnswer(text).ok()) << text;
    EXPECT_FALSE(ParseFetchJob(text).ok()) << text;
  }
}

}  // namespace
}  // namespace whet::agent
