#include "fleet/telemetry/otlp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/json/nlohmann.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

Report Example() {
  Report report;
  report.device = "cam-0017";
  report.boot = "b5e1c0de";
  report.sequence = 42;
  report.channel = "stable";
  report.agent_version = "0.1.0";
  report.arch = "aarch64";
  report.start_unix_ns = 1764180000000000000;
  report.end_unix_ns = 1764180060000000000;
  ModelReport model;
  model.family = "detector";
  model.version = "1.1.0";
  model.variant = "int8";
  model.rollout = "r-0123456789abcdef";
  for (int i = 1; i <= 200; ++i) model.latency_ms.Record(i * 0.1);
  model.errors = 3;
  model.crashes = 1;
  model.has_energy = true;
  model.energy_mj = 12.5;
  model.memory_bytes = 3'000'000;
  model.drift = 0.25;
  model.confidence.Record(0.9);
  model.confidence.Record(1.0);
  model.labelled_correct = 9;
  model.labelled_total = 10;
  model.installs[static_cast<size_t>(InstallOutcome::kInstalled)] = 1;
  model.installs[static_cast<size_t>(InstallOutcome::kRolledBack)] = 2;
  model.health = Health::kHealthy;
  model.active = true;
  report.models.push_back(model);
  ModelReport old;
  old.family = "detector";
  old.version = "1.0.0";
  old.variant = "int8";
  report.models.push_back(old);
  return report;
}

std::string RefusalOf(const std::string& text) {
  auto report = FromOtlpJson(text);
  return report.ok() ? "taken" : report.status().ToString();
}
// Changes the example's JSON and says why it is refused.
template <typename Change>
std::string RefusalAfter(Change change) {
  Json json = Json::parse(ToOtlpJson(Example()));
  change(json);
  return RefusalOf(json.dump());
}
Json& Metric(Json& request, const std::string& name) {
  for (Json& metric : request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]) {
    if (metric["name"] == name) return metric;
  }
  ADD_FAILURE() << name;
  return request;
}
Json& Point(Json& request, const std::string& name, const std::string& kind) {
  return Metric(request, name)[kind]["dataPoints"][0];
}
Json& Resource(Json& request) { return request["resourceMetrics"][0]["resource"]["attributes"]; }

TEST(OtlpTest, WhatIsSentComesBack) {
  const Report sent = Example();
  auto got = FromOtlpJson(ToOtlpJson(sent));
  ASSERT_TRUE(got.ok()) << got.status().ToString();
  EXPECT_EQ(got->device, sent.device);
  EXPECT_EQ(got->boot, sent.boot);
  EXPECT_EQ(got->sequence, sent.sequence);
  EXPECT_EQ(got->channel, sent.channel);
  EXPECT_EQ(got->agent_version, sent.agent_version);
  EXPECT_EQ(got->arch, sent.arch);
  EXPECT_EQ(got->start_unix_ns, sent.start_unix_ns);
  EXPECT_EQ(got->end_unix_ns, sent.end_unix_ns);
  ASSERT_EQ(got->models.size(), 2u);
  const ModelReport& model = got->models[0];
  EXPECT_EQ(model.rollout, "r-0123456789abcdef");
  EXPECT_EQ(model.latency_ms.ToParts().buckets, sent.models[0].latency_ms.ToParts().buckets);
  EXPECT_EQ(model.latency_ms.Quantile(0.95), sent.models[0].latency_ms.Quantile(0.95));
  EXPECT_EQ(model.inferences(), 203u);
  EXPECT_EQ(model.crashes, 1u);
  EXPECT_EQ(model.energy_mj, 12.5);
  EXPECT_EQ(model.memory_bytes, 3'000'000u);
  EXPECT_EQ(model.drift, 0.25);
  EXPECT_EQ(model.confidence.count(), 2u);
  EXPECT_EQ(model.labelled_correct, 9u);
  EXPECT_EQ(model.labelled_total, 10u);
  EXPECT_EQ(model.installs, sent.models[0].installs);
  EXPECT_EQ(model.InstallFailures(), 2u);
  EXPECT_EQ(model.health, Health::kHealthy);
  EXPECT_TRUE(model.active);
  EXPECT_EQ(got->models[1].version, "1.0.0");
  EXPECT_FALSE(got->models[1].active);
  EXPECT_EQ(ToOtlpJson(*got), ToOtlpJson(sent));
}

// The rules of OTLP's JSON that a collector insists on.
TEST(OtlpTest, FollowsTheJsonEncoding) {
  Json json = Json::parse(ToOtlpJson(Example()));
  EXPECT_EQ(Resource(json)[0],
            Json::parse(R"({"key": "service.name", "value": {"stringValue": "whet-agent"}})"));
  const Json& point = Point(json, "whet.inference.latency", "exponentialHistogram");
  EXPECT_EQ(point["count"], "200");
  EXPECT_TRUE(point["scale"].is_number_integer());
  EXPECT_EQ(point["timeUnixNano"], "1764180060000000000");
  EXPECT_TRUE(point["positive"]["bucketCounts"][0].is_string());
  EXPECT_EQ(Metric(json, "whet.inference.errors")["sum"]["aggregationTemporality"], 1);
  EXPECT_EQ(Metric(json, "whet.inference.errors")["sum"]["isMonotonic"], true);
  EXPECT_EQ(Point(json, "whet.inference.errors", "sum")["asInt"], "3");
}

TEST(OtlpTest, TakesWhatOtherWritersSend) {
  EXPECT_EQ(RefusalAfter([](Json& json) {
              json["unknown"] = {{"deep", Json::array({1, 2})}};
              Point(json, "whet.inference.errors", "sum")["asInt"] = 3;  // a number instead of a string
              Point(json, "whet.inference.latency", "exponentialHistogram").erase("min");
              auto& metrics = json["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
              metrics.push_back({{"name", "process.cpu.time"}, {"sum", {{"dataPoints", "anything"}}}});
            }),
            "taken");
}

TEST(OtlpTest, RefusesWhatIsNotAReport) {
  EXPECT_THAT(RefusalOf(""), HasSubstr("not well-formed JSON"));
  EXPECT_THAT(RefusalOf("[]"), HasSubstr("0 resources"));
  EXPECT_THAT(RefusalOf("{\"resourceMetrics\": 3}"), HasSubstr("not a list"));
  EXPECT_THAT(RefusalOf(std::string(kMaxOtlpBytes + 1, ' ')), HasSubstr("at most 1048576"));
  EXPECT_THAT(RefusalOf(std::string(500000, '[')), HasSubstr("nested deeper"));
  EXPECT_THAT(RefusalOf("{\"a\": \"\xff\"}"), HasSubstr("not well-formed JSON"));
  EXPECT_THAT(RefusalOf("{\"a\": 1, \"a\": 2}"), HasSubstr("twice"));
}

TEST(OtlpTest, RefusesWrongIdentities) {
  EXPECT_THAT(RefusalAfter([](Json& j) { Resource(j)[1]["value"]["stringValue"] = "../etc"; }),
              HasSubstr("device.id"));
  EXPECT_THAT(RefusalAfter([](Json& j) { Resource(j)[3]["value"]["intValue"] = "0"; }),
              HasSubstr("begins at 1"));
  EXPECT_THAT(RefusalAfter([](Json& j) { Resource(j)[3]["value"]["intValue"] = "-1"; }),
              HasSubstr("whet.sequence"));
  EXPECT_THAT(RefusalAfter([](Json& j) { Resource(j)[3]["value"]["intValue"] = "18446744073709551616"; }),
              HasSubstr("whet.sequence"));
  EXPECT_THAT(RefusalAfter([](Json& j) { Resource(j)[4]["value"]["stringValue"] = "Stable channel"; }),
              HasSubstr("whet.channel"));
  EXPECT_THAT(RefusalAfter([](Json& j) {
                Point(j, "whet.health", "gauge")["attributes"][1]["value"]["stringValue"] = "1.1";
              }),
              HasSubstr("whet.version"));
  EXPECT_THAT(RefusalAfter([](Json& j) { j["resourceMetrics"].push_back(j["resourceMetrics"][0]); }),
              HasSubstr("2 resources"));
}

TEST(OtlpTest, RefusesWrongNumbers) {
  const auto errors = [](const Json& value) {
    return RefusalAfter([&](Json& j) { Point(j, "whet.inference.errors", "sum")["asInt"] = value; });
  };
  EXPECT_THAT(errors("-5"), HasSubstr("whet.inference.errors: asInt"));
  EXPECT_THAT(errors(-5), HasSubstr("whole number"));
  EXPECT_THAT(errors("9000000000000000000"), HasSubstr("impossibly high"));
  EXPECT_THAT(errors("3x"), HasSubstr("whole number"));
  EXPECT_THAT(errors(nullptr), HasSubstr("whole number"));
  EXPECT_THAT(RefusalAfter([](Json& j) { Point(j, "whet.input.drift", "gauge")["asDouble"] = "NaN"; }),
              HasSubstr("not a number"));
  EXPECT_THAT(RefusalAfter([](Json& j) { Point(j, "whet.inference.energy", "sum")["asDouble"] = -1; }),
              HasSubstr("not between"));
  EXPECT_THAT(RefusalAfter([](Json& j) { Point(j, "whet.health", "gauge")["asInt"] = "3"; }),
              HasSubstr("high"));
  EXPECT_THAT(
      RefusalAfter([](Json& j) { Metric(j, "whet.model.crashes")["sum"]["aggregationTemporality"] = 2; }),
      HasSubstr("delta"));
  EXPECT_THAT(RefusalAfter([](Json& j) { Point(j, "whet.labelled.correct", "sum")["asInt"] = "11"; }),
              HasSubstr("correct"));
  EXPECT_THAT(RefusalAfter([](Json& j) {
                Point(j, "whet.install", "sum")["attributes"][4]["value"]["stringValue"] = "exploded";
              }),
              HasSubstr("outcome"));
}

TEST(OtlpTest, RefusesHistogramsThatLie) {
  const auto latency = [](const char* key, const Json& value) {
    return RefusalAfter(
        [&](Json& j) { Point(j, "whet.inference.latency", "exponentialHistogram")[key] = value; });
  };
  EXPECT_THAT(latency("count", "201"), HasSubstr("buckets hold 200"));
  EXPECT_THAT(latency("scale", 4000000000u), HasSubstr("32-bit"));
  EXPECT_THAT(latency("scale", 50), HasSubstr("scale"));
  EXPECT_THAT(latency("sum", -4), HasSubstr("sum"));
  EXPECT_THAT(latency("negative", {{"bucketCounts", {"1"}}}), HasSubstr("negative"));
  EXPECT_THAT(latency("positive", {{"offset", 2147483647}, {"bucketCounts", {"200"}}}), HasSubstr("outside"));
  EXPECT_THAT(RefusalAfter([](Json& j) {
                auto& point = Point(j, "whet.output.confidence", "exponentialHistogram");
                point = Point(j, "whet.inference.latency", "exponentialHistogram");
              }),
              HasSubstr("whet.output.confidence"));
}

TEST(OtlpTest, RefusesTooMuch) {
  EXPECT_THAT(RefusalAfter([](Json& j) {
                Json& points = Metric(j, "whet.health")["gauge"]["dataPoints"];
                for (int i = 0; i < 100; ++i) {
                  points.push_back(points[0]);
                  points.back()["attributes"][2]["value"]["stringValue"] = Format("v%d", i);
                }
              }),
              HasSubstr("64 models"));
  EXPECT_THAT(RefusalAfter([](Json& j) {
                Json small = {{"attributes", Point(j, "whet.health", "gauge")["attributes"]},
                              {"timeUnixNano", "1764180060000000000"},
                              {"asInt", "1"}};
                small["attributes"].erase(3);
                small["attributes"].erase(2);
                Metric(j, "whet.active")["gauge"]["dataPoints"] = Json::array();
                for (int i = 0; i < 4200; ++i)
                  Metric(j, "whet.active")["gauge"]["dataPoints"].push_back(small);
              }),
              HasSubstr("4096 data points"));
}

TEST(ReportTest, Identifiers) {
  EXPECT_TRUE(IsDeviceId("a:b.c_d-E9"));
  EXPECT_FALSE(IsDeviceId(""));
  EXPECT_FALSE(IsDeviceId("a/b"));
  EXPECT_FALSE(IsDeviceId(std::string(129, 'a')));
  EXPECT_TRUE(IsFamily("face-detector.v2"));
  EXPECT_FALSE(IsFamily(".hidden"));
  EXPECT_FALSE(IsFamily("Upper"));
  EXPECT_TRUE(IsVersion("1.0.0"));
  EXPECT_TRUE(IsVersion("1.0.0-rc.1+build.05"));
  EXPECT_FALSE(IsVersion("1.0"));
  EXPECT_FALSE(IsVersion("01.0.0"));
  EXPECT_FALSE(IsVersion("1.0.0-"));
  EXPECT_FALSE(IsVersion("1.0.0-01"));
  EXPECT_FALSE(IsVersion("1.0.0.0"));
}

}  // namespace
}  // namespace whet::fleet
