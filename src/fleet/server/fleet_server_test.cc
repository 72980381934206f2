#include "fleet/server/fleet_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <thread>

#include "fleet/json/nlohmann.h"
#include "fleet/rollout/cohort.h"
#include "fleet/rollout/document.h"
#include "fleet/server/context.h"
#include "fleet/server/fleet_server_testing.h"
#include "fleet/server/openapi.h"
#include "fleet/telemetry/otlp.h"

namespace whet::fleet {
namespace {

using testing::Ask;
using testing::FleetServerTest;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RawAnswer;
using testing::RawConnection;
using Json = nlohmann::json;

INSTANTIATE_ON_BOTH_DATABASES(FleetServerTest);

TEST_P(FleetServerTest, RolesAndTokens) {
  const int port = server_->port();
  EXPECT_EQ(Ask(port, "GET", "/api/v1/overview").status, 401);
  EXPECT_EQ(Ask(port, "GET", "/api/v1/overview", "Authorization: Bearer whet_nonsense\r\n").status, 401);
  std::string almost = tokens_[Role::kViewer];
  almost.back() = almost.back() == '0' ? '1' : '0';
  EXPECT_EQ(Ask(port, "GET", "/api/v1/overview", "Authorization: Bearer " + almost + "\r\n").status, 401);
  EXPECT_EQ(Request(Role::kViewer, "GET", "/api/v1/overview").status, 200);
  EXPECT_EQ(Request(Role::kReleaser, "GET", "/api/v1/overview").status, 200);
  EXPECT_EQ(Request(Role::kDevice, "GET", "/api/v1/overview").status, 403);
  EXPECT_EQ(Request(Role::kReleaser, "POST", "/v1/metrics", "{}").status, 403);
  EXPECT_EQ(Request(Role::kViewer, "GET", "/api/v1/audit").status, 403);
  EXPECT_EQ(Request(Role::kViewer, "POST", "/api/v1/rollouts/x/rollback").status, 403);
  const auto refused = Request(Role::kOperator, "POST", "/api/v1/rollouts", "{}");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(Json::parse(refused.body)["error"]["code"], "forbidden");
  EXPECT_EQ(refused.Header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(Get("/api/v1/whoami"), (Json{{"name", "operator-name"}, {"role", "operator"}}));
  EXPECT_EQ(Number("SELECT COUNT(*) FROM tokens WHERE hash LIKE 'whet%'"), 0);

  Tokens tokens(*database_);
  const auto list = tokens.List();
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 4U);
  for (const TokenInfo& info : *list) {
    if (info.principal.role == Role::kViewer) {
      EXPECT_TRUE(tokens.Revoke(info.principal.id, now_).ok());
      EXPECT_EQ(tokens.Revoke(info.principal.id, now_).code(), Code::kNotFound);
    }
  }
  now_ += Tokens::kCacheSeconds + 1;
  EXPECT_EQ(Request(Role::kViewer, "GET", "/api/v1/overview").status, 401);

  const auto bound = tokens.Create("cam-1's", Role::kDevice, "cam-1", now_);
  ASSERT_TRUE(bound.ok());
  tokens_[Role::kDevice] = *bound;
  EXPECT_EQ(Send("cam-1", 1, "1.0.0").status, 200);
  EXPECT_EQ(Send("cam-2", 1, "1.0.0").status, 403);
}

// Every route is described, everything that is described is there, and wants the role that the description
// says.
TEST_P(FleetServerTest, IsWhatOpenApiSays) {
  ServerContext context({});
  auto folder = ServedFolder::Open(folder_.path(), {});
  ASSERT_TRUE(folder.ok());
  std::map<std::string, std::string> routes;
  for (const HttpRoute& route : MakeRoutes(context)) {
    std::string method = route.method;
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    if (route.pattern.find("*}") == std::string::npos) routes[method + " " + route.pattern] = route.access;
  }
  const Json document = Json::parse(Ask(server_->port(), "GET", "/openapi.json").body);
  std::map<std::string, std::string> described;
  for (const auto& [path, methods] : document["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      described[method + " " + path] = operation.value("x-role", "");
    }
  }
  EXPECT_EQ(routes, described);
}

// What is answered has the members that its schema requires, of the types that it says.
void CheckSchema(const Json& document, const Json& schema, const Json& value, const std::string& where) {
  if (schema.contains("$ref")) {
    const std::string ref = schema["$ref"];
    return CheckSchema(document, document["components"]["schemas"][ref.substr(ref.rfind('/') + 1)], value,
                       where);
  }
  if (schema.contains("allOf")) {
    for (const Json& part : schema["allOf"]) CheckSchema(document, part, value, where);
    return;
  }
  if (schema.contains("anyOf")) {
    if (!value.is_null()) CheckSchema(document, schema["anyOf"][0], value, where);
    return;
  }
  std::set<std::string> types;
  if (schema["type"].is_array()) {
    types = schema["type"].get<std::set<std::string>>();
  } else {
    types = {schema["type"].get<std::string>()};
  }
  const std::string type = value.is_null()             ? "null"
                           : value.is_boolean()        ? "boolean"
                           : value.is_string()         ? "string"
                           : value.is_number_integer() ? "integer"
                           : value.is_number()         ? "number"
                           : value.is_array()          ? "array"
                                                       : "object";
  EXPECT_TRUE(types.contains(type) || (type == "integer" && types.contains("number")))
      << where << " is " << value;
  if (schema.contains("enum")) {
    EXPECT_THAT(schema["enum"], ::testing::Contains(value)) << where;
  }
  for (const Json& name : schema.value("required", Json::array())) {
    ASSERT_TRUE(value.contains(name)) << where << " has no " << name;
    CheckSchema(document, schema["properties"][name.get<std::string>()], value[name.get<std::string>()],
                where + "." + name.get<std::string>());
  }
  if (value.is_array() && schema.contains("items")) {
    for (const Json& item : value) CheckSchema(document, schema["items"], item, where + "[]");
  }
}

TEST_P(FleetServerTest, AnswersAsItsSchemasSay) {
  const std::string id = StartRollout({{"stages", {50, 100}}});
  for (int i = 0; i < 10; ++i) {
    const std::string device = Format("cam-%d", i);
    EXPECT_EQ(Send(device, 1, InCohort(id, device, 50) ? "1.1.0" : "1.0.0").status, 200);
  }
  WaitFor("/api/v1/rollouts/" + id, [](const Json& json) { return !json["gate"].is_null(); });
  const Json document = Json::parse(OpenApiDocument());
  int checked = 0;
  for (const auto& [path, methods] : document["paths"].items()) {
    if (!methods.contains("get") || path == "/api/v1/events") continue;
    const Json& content = methods["get"]["responses"]["200"]["content"];
    if (!content.contains("application/json")) continue;
    std::string target = path;
    const auto fill = [&](const std::string& name, const std::string& value) {
      if (const size_t at = target.find(name); at != std::string::npos)
        target.replace(at, name.size(), value);
    };
    fill("{device}", "cam-1");
    fill("{id}", id);
    fill("{family}/{version}/diff", "detector/1.1.0/diff?against=1.0.0");
    CheckSchema(document, content["application/json"]["schema"], Get(target), target);
    ++checked;
  }
  EXPECT_GE(checked, 11);
}

TEST_P(FleetServerTest, DevicesAreFound) {
  for (int i = 0; i < 7; ++i) EXPECT_EQ(Send(Format("cam-%d", i), 1, i < 5 ? "1.0.0" : "1.1.0").status, 200);
  EXPECT_EQ(Send("door_100%", 1, "1.0.0").status, 400) << "no name of a device";
  EXPECT_EQ(Get("/api/v1/devices?version=1.1.0")["items"].size(), 2U);
  EXPECT_EQ(Get("/api/v1/devices?q=am-3")["items"][0]["device"], "cam-3");
  EXPECT_EQ(Get("/api/v1/devices?q=%25")["items"].size(), 0U);
  EXPECT_EQ(Get("/api/v1/devices?channel=other")["items"].size(), 0U);
  std::set<std::string> seen;
  std::string cursor;
  do {
    const Json page = Get("/api/v1/devices?limit=3&cursor=" + cursor);
    EXPECT_LE(page["items"].size(), 3U);
    for (const Json& device : page["items"]) EXPECT_TRUE(seen.insert(device["device"]).second);
    cursor = page["next"].is_null() ? "" : page["next"].get<std::string>();
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), 7U);
  for (const char* query : {"limit=0", "limit=501", "limit=x", "health=fine"}) {
    EXPECT_EQ(Request(Role::kViewer, "GET", std::string("/api/v1/devices?") + query).status, 400) << query;
  }
  EXPECT_EQ(Request(Role::kViewer, "GET", "/api/v1/devices/none").status, 404);
  now_ += 3 * 3600;
  EXPECT_EQ(Get("/api/v1/devices?health=dark")["items"].size(), 7U);
  EXPECT_EQ(Get("/api/v1/overview")["devices"]["dark"], 7);
}

TEST_P(FleetServerTest, ReleasesAndWhatChanged) {
  const Json list = Get("/api/v1/releases?limit=1");
  EXPECT_EQ(list["items"][0]["version"], "1.1.0");
  EXPECT_EQ(list["items"][0]["release_sha256"], sha_[1]);
  EXPECT_EQ(Get("/api/v1/releases?cursor=" + list["next"].get<std::string>())["items"][0]["version"],
            "1.0.0");
  const Json diff = Get("/api/v1/releases/detector/1.1.0/diff?against=1.0.0");
  EXPECT_EQ(diff["tensors"][0]["change"], "unchanged");
  EXPECT_EQ(diff["tensors"][1]["change"], "changed");
  EXPECT_EQ(diff["operators"]["added"], Json{"Gelu"});
  EXPECT_EQ(diff["operators"]["removed"], Json{"Relu"});
  EXPECT_EQ(Request(Role::kViewer, "GET", "/api/v1/releases/detector/1.1.0/diff?against=3.0.0").status, 404);
}

TEST_P(FleetServerTest, RefusesTelemetryThatIsNone) {
  for (const std::string& body :
       {std::string("{}"), std::string("[]"), std::string("\xff\xfe"), std::string(R"({"resourceMetrics":[)"),
        std::string(200000, '['), std::string(R"({"resourceMetrics":[{"resource":{"attributes":[]}}]})")}) {
    EXPECT_EQ(Request(Role::kDevice, "POST", "/v1/metrics", body).status, 400) << body.substr(0, 40);
  }
  EXPECT_EQ(Request(Role::kDevice, "POST", "/v1/metrics", std::string((1 << 20) + 1, ' ')).status, 413);
  EXPECT_EQ(Send("cam-1", 1, "1.0.0").status, 200);
  EXPECT_EQ(Send("cam-1", 1, "1.0.0").status, 200) << "again: acknowledged, and not there twice";
  EXPECT_EQ(Number("SELECT COUNT(*) FROM telemetry"), 1);
  const std::string metrics = Request(Role::kViewer, "GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("whet_ingest_reports_total 1\n"));
  EXPECT_THAT(metrics, HasSubstr("whet_ingest_duplicates_total 1\n"));
  EXPECT_THAT(metrics, HasSubstr("whet_ingest_malformed_total 6\n"));
  EXPECT_THAT(metrics, HasSubstr("whet_version_devices{family=\"detector\",version=\"1.0.0\"} 1\n"));
}

TEST_P(FleetServerTest, ServesRepositoryDashboardAndEvents) {
  const int port = server_->port();
  EXPECT_EQ(Ask(port, "GET", "/healthz").body, "ok\n");
  const auto timestamp = Ask(port, "GET", "/repo/metadata/timestamp.json");
  EXPECT_EQ(timestamp.status, 200);
  EXPECT_EQ(timestamp.Header("Cache-Control"), "no-cache");
  EXPECT_EQ(
      Ask(port, "GET", "/repo/metadata/timestamp.json", "If-None-Match: " + timestamp.Header("ETag") + "\r\n")
          .status,
      304);
  EXPECT_EQ(Ask(port, "GET", "/repo/../whet.db").status, 404);
  EXPECT_EQ(Ask(port, "GET", "/repo/").status, 404);
  const auto page = Ask(port, "GET", "/rollouts/abc");
  EXPECT_EQ(page.body, "<title>Whet</title>");
  EXPECT_THAT(page.Header("Content-Security-Policy"), HasSubstr("frame-ancestors 'none'"));
  EXPECT_EQ(Ask(port, "GET", "/assets/app.js").body, "run()");
  EXPECT_EQ(Ask(port, "GET", "/api/v1/nothing").status, 200) << "a page of the dashboard, which says so";

  RawConnection events(port);
  events.Send("GET /api/v1/events HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer " + tokens_[Role::kViewer] +
              "\r\n\r\n");
  EXPECT_THAT(events.ReadUntil("event: overview\ndata: {"), HasSubstr("event: overview\ndata: {"));
  const std::string id = StartRollout({{"stages", {50, 100}}});
  EXPECT_THAT(events.ReadUntil("\"id\":\"" + id), HasSubstr("event: rollout\ndata: {"));
}

class LimitedServerTest : public FleetServerTest {
 protected:
  void Change(FleetServerOptions& options) override {
    options.token_rate = 0.001;
    options.token_burst = 5;
    options.refused_rate = 0.001;
    options.refused_burst = 3;
    options.private_repository = true;
    options.keys = nullptr;
  }
};
INSTANTIATE_TEST_SUITE_P(On, LimitedServerTest, ::testing::Values("sqlite"));

TEST_P(LimitedServerTest, TooManyRequestsAreRefused) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Request(Role::kViewer, "GET", "/api/v1/whoami").status, 200);
  const auto refused = Request(Role::kViewer, "GET", "/api/v1/whoami");
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.Header("Retry-After"), "1");
  EXPECT_EQ(Request(Role::kOperator, "GET", "/api/v1/whoami").status, 200) << "another token has its own";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Ask(server_->port(), "GET", "/api/v1/whoami").status, 401);
  EXPECT_EQ(Ask(server_->port(), "GET", "/api/v1/whoami").status, 429);
  EXPECT_EQ(Ask(server_->port(), "GET", "/repo/metadata/timestamp.json").status, 429);
  EXPECT_EQ(Request(Role::kDevice, "GET", "/repo/metadata/timestamp.json").status, 200);
  const auto no_keys = Request(Role::kReleaser, "PUT", "/api/v1/channels/stable",
                               R"({"family":"detector","version":"1.0.0"})");
  EXPECT_EQ(no_keys.status, 409);
  EXPECT_THAT(no_keys.body, HasSubstr("--keys"));
}

TEST(RateLimiter, FillsUpAgainAndForgets) {
  RateLimiter limiter(10, 2);
  const auto start = RateLimiter::Clock::now();
  EXPECT_TRUE(limiter.Allow("a", 1, start));
  EXPECT_TRUE(limiter.Allow("a", 1, start));
  EXPECT_FALSE(limiter.Allow("a", 1, start));
  EXPECT_TRUE(limiter.Allow("b", 1, start));
  EXPECT_TRUE(limiter.Allow("a", 1, start + std::chrono::milliseconds(150)));
  EXPECT_FALSE(limiter.Allow("a", 1, start + std::chrono::milliseconds(150)));
  for (size_t i = 0; i < 2 * RateLimiter::kMaxKeys; ++i) limiter.Allow(std::to_string(i), 1, start);
  EXPECT_LE(limiter.keys(), RateLimiter::kMaxKeys);
}

}  // namespace
}  // namespace whet::fleet
