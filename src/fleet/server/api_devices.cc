// REST: the fleet, its devices, the releases, who has done what.

#include <algorithm>
#include <charconv>
#include <map>

#include "base/utc_time.h"
#include "fleet/json/nlohmann.h"
#include "fleet/server/context.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxPoints = 1000;
constexpr int64_t kMaxEvents = 200;
constexpr int64_t kSeriesSeconds = 86400;

SqlValue Text(std::string_view text) { return std::string(text); }

// The handler's Result as an answer.
HttpRoute Get(ServerContext& context, std::string pattern, const char* access,
              std::function<Result<Json>(HttpRequest&)> make) {
  HttpRoute route;
  route.method = "GET";
  route.pattern = std::move(pattern);
  route.access = access;
  route.handler = [&context, make = std::move(make)](HttpRequest& request) {
    auto json = make(request);
    return json.ok() ? JsonResponse(*json) : StatusResponse(context, json.status());
  };
  return route;
}

Json DeviceJson(const SqlRow& row, const ServerContext& context) {
  return {{"device", row.Text(0)},
          {"channel", row.Text(1)},
          {"arch", row.Text(2)},
          {"agent", row.Text(3)},
          {"health", HealthName(static_cast<Health>(row.Int(4)))},
          {"dark", row.Int(5) < context.Now() - context.options.dark_after_s},
          {"last_seen", FormatUtcTime(row.Int(5))},
          {"active", Json::array()}};
}

Status AddActive(SqlConnection& sql, Json& device) {
  return sql.Run(
      "SELECT family, version, variant, rollout FROM device_models WHERE device = $1 ORDER BY family",
      {device["device"].get<std::string>()}, [&](const SqlRow& row) {
        device["active"].push_back({{"family", row.Text(0)},
                                    {"version", row.Text(1)},
                                    {"variant", row.Text(2)},
                                    {"rollout", row.Text(3)}});
      });
}

// % and _ stand for themselves.
std::string LikePattern(std::string_view text) {
  std::string pattern = "%";
  for (const char c : text) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern + "%";
}

Result<Json> ListDevices(const ServerContext& context, const HttpRequest& request) {
  WHET_ASSIGN_OR_RETURN(const Page page, PageOf(request));
  std::string sql_text =
      "SELECT d.device, d.channel, d.arch, d.agent, d.health, d.last_seen FROM devices d WHERE d.device > $1";
  std::vector<SqlValue> values = {page.cursor};
  const auto add = [&](SqlValue value) {
    values.push_back(std::move(value));
    return Format("$%zu", values.size());
  };
  if (const auto q = request.Query("q"); !q.empty()) {
    sql_text += " AND d.device LIKE " + add(LikePattern(q)) + " ESCAPE '\\'";
  }
  if (const auto channel = request.Query("channel"); !channel.empty())
    sql_text += " AND d.channel = " + add(Text(channel));
  const int64_t dark_before = context.Now() - context.options.dark_after_s;
  if (const auto health = request.Query("health"); !health.empty()) {
    if (health == "dark") {
      sql_text += " AND d.last_seen < " + add(dark_before);
    } else if (health == "unknown" || health == "healthy" || health == "degraded") {
      sql_text += " AND d.last_seen >= " + add(dark_before) + " AND d.health = " +
                  add(int64_t{health == "unknown"   ? 0
                              : health == "healthy" ? 1
                                                    : 2});
    } else {
      return Error(Code::kInvalidArgument, "'health' is healthy, degraded, unknown or dark");
    }
  }
  const auto family = request.Query("family");
  const auto version = request.Query("version");
  if (!family.empty() || !version.empty()) {
    sql_text += " AND EXISTS (SELECT 1 FROM device_models m WHERE m.device = d.device";
    if (!family.empty()) sql_text += " AND m.family = " + add(Text(family));
    if (!version.empty()) sql_text += " AND m.version = " + add(Text(version));
    sql_text += ")";
  }
  sql_text += " ORDER BY d.device LIMIT " + add(page.limit + 1);
  WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
  Json items = Json::array();
  WHET_RETURN_IF_ERROR(
      sql->Run(sql_text, values, [&](const SqlRow& row) { items.push_back(DeviceJson(row, context)); }));
  Json next = nullptr;
  if (items.size() > static_cast<size_t>(page.limit)) {
    items.erase(items.size() - 1);
    next = items.back()["device"];
  }
  for (Json& device : items) WHET_RETURN_IF_ERROR(AddActive(*sql, device));
  return Json{{"items", std::move(items)}, {"next", std::move(next)}};
}

Result<Json> GetDevice(const ServerContext& context, const HttpRequest& request) {
  const SqlValue device = Text(request.PathParameter("device"));
  WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
  Json json;
  WHET_RETURN_IF_ERROR(
      sql->Run("SELECT device, channel, arch, agent, health, last_seen FROM devices WHERE device = $1",
               {device}, [&](const SqlRow& row) { json = DeviceJson(row, context); }));
  if (json.is_null()) return Error(Code::kNotFound, "no such device has been heard of");
  WHET_RETURN_IF_ERROR(AddActive(*sql, json));
  Json series = Json::array();
  const auto or_null = [](const SqlRow& row, size_t column) {
    return row.IsNull(column) ? Json(nullptr) : Json(row.Real(column));
  };
  WHET_RETURN_IF_ERROR(sql->Run(
      "SELECT received, family, version, inferences, p50_ms, p95_ms, errors, crashes, drift FROM telemetry "
      "WHERE device = $1 AND received >= $2 ORDER BY received DESC LIMIT $3",
      {device, context.Now() - kSeriesSeconds, kMaxPoints}, [&](const SqlRow& row) {
        series.push_back({{"time", FormatUtcTime(row.Int(0))},
                          {"family", row.Text(1)},
                          {"version", row.Text(2)},
                          {"count", row.Int(3)},
                          {"p50_ms", or_null(row, 4)},
                          {"p95_ms", or_null(row, 5)},
                          {"errors", row.Int(6)},
                          {"crashes", row.Int(7)},
                          {"drift", or_null(row, 8)}});
      }));
  std::reverse(series.begin(), series.end());
  json["series"] = std::move(series);
  Json events = Json::array();
  WHET_RETURN_IF_ERROR(
      sql->Run("SELECT time, kind, family, version, detail FROM device_events WHERE device = $1 ORDER BY id "
               "DESC LIMIT $2",
               {device, kMaxEvents}, [&](const SqlRow& row) {
                 events.push_back({{"time", FormatUtcTime(row.Int(0))},
                                   {"kind", row.Text(1)},
                                   {"family", row.Text(2)},
                                   {"version", row.Text(3)},
                                   {"detail", row.Text(4)}});
               }));
  json["events"] = std::move(events);
  return json;
}

Result<Json> ListReleases(ServerContext& context, const HttpRequest& request) {
  WHET_ASSIGN_OR_RETURN(const Page page, PageOf(request));
  WHET_ASSIGN_OR_RETURN(const Json all, context.catalog->List(request.Query("family")));
  // The cursor is the hash of the last release shown.
  size_t from = 0;
  if (!page.cursor.empty()) {
    while (from < all.size() && all[from]["release_sha256"] != page.cursor) ++from;
    if (from == all.size()) return Error(Code::kInvalidArgument, "the cursor is none of this list");
    ++from;
  }
  Json items = Json::array();
  for (size_t i = from; i < all.size() && items.size() < static_cast<size_t>(page.limit); ++i)
    items.push_back(all[i]);
  const bool more = from + items.size() < all.size();
  Json next = more ? items.back()["release_sha256"] : Json(nullptr);
  return Json{{"items", std::move(items)}, {"next", std::move(next)}};
}

Result<Json> ListAudit(const ServerContext& context, const HttpRequest& request) {
  WHET_ASSIGN_OR_RETURN(const Page page, PageOf(request));
  int64_t before = INT64_MAX;
  if (!page.cursor.empty()) {
    const auto [end, error] =
        std::from_chars(page.cursor.data(), page.cursor.data() + page.cursor.size(), before);
    if (error != std::errc() || end != page.cursor.data() + page.cursor.size()) {
      return Error(Code::kInvalidArgument, "the cursor is none of this list");
    }
  }
  WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
  Json items = Json::array();
  int64_t last = 0;
  bool more = false;
  WHET_RETURN_IF_ERROR(
      sql->Run("SELECT id, time, actor, role, action, object, detail FROM audit WHERE id < $1 ORDER BY id "
               "DESC LIMIT $2",
               {before, page.limit + 1}, [&](const SqlRow& row) {
                 if (items.size() == static_cast<size_t>(page.limit)) {
                   more = true;
                   return;
                 }
                 last = row.Int(0);
                 items.push_back({{"time", FormatUtcTime(row.Int(1))},
                                  {"actor", row.Text(2)},
                                  {"role", row.Text(3)},
                                  {"action", row.Text(4)},
                                  {"object", row.Text(5)},
                                  {"detail", row.Text(6)}});
               }));
  return Json{{"items", std::move(items)}, {"next", more ? Json(std::to_string(last)) : Json(nullptr)}};
}

}  // namespace

void AddDeviceRoutes(ServerContext& context, std::vector<HttpRoute>& routes) {
  routes.push_back(Get(context, "/api/v1/whoami", "viewer", [](HttpRequest& request) -> Result<Json> {
    const auto& principal = std::any_cast<const Principal&>(request.user);
    return Json{{"name", principal.name}, {"role", RoleName(principal.role)}};
  }));
  routes.push_back(Get(context, "/api/v1/overview", "viewer", [&context](HttpRequest&) -> Result<Json> {
    WHET_ASSIGN_OR_RETURN(const auto json, context.overview->Get());
    return *json;
  }));
  routes.push_back(Get(context, "/api/v1/devices", "viewer",
                       [&context](HttpRequest& request) { return ListDevices(context, request); }));
  routes.push_back(Get(context, "/api/v1/devices/{device}", "viewer",
                       [&context](HttpRequest& request) { return GetDevice(context, request); }));
  routes.push_back(Get(context, "/api/v1/releases", "viewer",
                       [&context](HttpRequest& request) { return ListReleases(context, request); }));
  routes.push_back(
      Get(context, "/api/v1/releases/{family}/{version}/diff", "viewer", [&context](HttpRequest& request) {
        return context.catalog->Diff(request.PathParameter("family"), request.PathParameter("version"),
                                     request.Query("against"), request.Query("variant"));
      }));
  routes.push_back(Get(context, "/api/v1/audit", "operator",
                       [&context](HttpRequest& request) { return ListAudit(context, request); }));
}

}  // namespace whet::fleet
