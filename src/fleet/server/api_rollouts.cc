// REST: rollouts and channels. Every change is one transaction with its line in the audit log.

#include <sodium.h>

#include "base/utc_time.h"
#include "fleet/json/json.h"
#include "fleet/json/nlohmann.h"
#include "fleet/rollout/document.h"
#include "fleet/rollout/policy.h"
#include "fleet/server/context.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxBody = 32 * 1024;
constexpr int kMaxDepth = 8;

HttpRoute Route(std::string method, std::string pattern, const char* access,
                std::function<HttpResponse(HttpRequest&)> handler) {
  HttpRoute route;
  route.method = std::move(method);
  route.pattern = std::move(pattern);
  route.access = access;
  route.max_body = route.method == "GET" ? 0 : kMaxBody;
  route.handler = std::move(handler);
  return route;
}

HttpResponse Answer(const ServerContext& context, Result<Json> json) {
  return json.ok() ? JsonResponse(*json) : StatusResponse(context, json.status());
}

Result<Json> BodyOf(const HttpRequest& request) {
  auto json = ParseJson(request.body, {kMaxBody, kMaxDepth}, "the request's body");
  if (!json.ok()) return Error(Code::kInvalidArgument, "%s", json.status().ToString().c_str());
  if (!json->is_object()) return Error(Code::kInvalidArgument, "the request's body is not a JSON object");
  return json;
}

// A member that is a text; kInvalidArgument if it is absent (unless optional) or something else.
Result<std::string> TextOf(const Json& object, const char* key, bool optional = false) {
  const auto found = object.find(key);
  if (found == object.end() && optional) return std::string();
  if (found == object.end() || !found->is_string()) {
    return Error(Code::kInvalidArgument, "the body needs the text '%s'", key);
  }
  return found->get<std::string>();
}

AuditEntry Audit(const HttpRequest& request, std::string action, std::string object, std::string detail) {
  const auto& principal = std::any_cast<const Principal&>(request.user);
  return {principal.name, std::string(RoleName(principal.role)), std::move(action), std::move(object),
          std::move(detail)};
}

std::string NewRolloutId() {
  unsigned char bytes[12];
  ::randombytes_buf(bytes, sizeof(bytes));
  std::string id(2 * sizeof(bytes) + 1, '\0');
  ::sodium_bin2hex(id.data(), id.size(), bytes, sizeof(bytes));
  id.pop_back();
  return id;
}

Status NeedKeys(const ServerContext& context) {
  if (context.publisher) return {};
  return Error(
      Code::kUnsupported,
      "this server has no online keys, so it cannot publish; start it with --keys and --passphrase-file");
}

// What is in the database now is brought to the repository, at once if it can be. If not, the server tries
// again every second, and the rollout says that it is not published yet.
void PublishSoon(ServerContext& context) {
  context.overview->Forget();
  const Status status = context.publisher->PublishPending(*context.database);
  if (status.ok()) return;
  ++context.metrics.publish_failures;
  context.Log("cannot publish: " + status.ToString());
}

Result<Json> ListRollouts(const ServerContext& context, const HttpRequest& request) {
  WHET_ASSIGN_OR_RETURN(const Page page, PageOf(request));
  WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
  // Newest first; the cursor is the id of the last one shown.
  std::string text = "SELECT id FROM rollouts WHERE 1 = 1";
  std::vector<SqlValue> values;
  const auto add = [&](SqlValue value) {
    values.push_back(std::move(value));
    return Format("$%zu", values.size());
  };
  for (const char* filter : {"channel", "family", "state"}) {
    if (const auto value = request.Query(filter); !value.empty()) {
      text += std::string(" AND ") + filter + " = " + add(std::string(value));
    }
  }
  if (!page.cursor.empty()) {
    int64_t created = -1;
    WHET_RETURN_IF_ERROR(sql->Run("SELECT created FROM rollouts WHERE id = $1", {page.cursor},
                                  [&](const SqlRow& row) { created = row.Int(0); }));
    if (created < 0) return Error(Code::kInvalidArgument, "the cursor is none of this list");
    const std::string at = add(created);
    text += " AND (created < " + at + " OR (created = " + at + " AND id > " + add(page.cursor) + "))";
  }
  text += " ORDER BY created DESC, id LIMIT " + add(page.limit + 1);
  std::vector<std::string> ids;
  WHET_RETURN_IF_ERROR(sql->Run(text, values, [&](const SqlRow& row) { ids.emplace_back(row.Text(0)); }));
  const bool more = ids.size() > static_cast<size_t>(page.limit);
  if (more) ids.pop_back();
  Json items = Json::array();
  for (const std::string& id : ids) {
    WHET_ASSIGN_OR_RETURN(const StoredRollout stored, LoadRollout(*sql, id, false));
    items.push_back(StoredRolloutToJson(stored));
  }
  return Json{{"items", std::move(items)}, {"next", more ? Json(ids.back()) : Json(nullptr)}};
}

Result<Json> StartRollout(ServerContext& context, const HttpRequest& request) {
  WHET_RETURN_IF_ERROR(NeedKeys(context));
  WHET_ASSIGN_OR_RETURN(const Json body, BodyOf(request));
  for (const auto& [key, value] : body.items()) {
    if (key != "id" && key != "channel" && key != "family" && key != "candidate" && key != "stages" &&
        key != "policy") {
      return Error(Code::kInvalidArgument, "the body has an unknown member '%.64s'", key.c_str());
    }
  }
  WHET_ASSIGN_OR_RETURN(const std::string channel, TextOf(body, "channel"));
  WHET_ASSIGN_OR_RETURN(const std::string family, TextOf(body, "family"));
  WHET_ASSIGN_OR_RETURN(const std::string version, TextOf(body, "candidate"));
  Json policy_json = Json::object();
  if (body.contains("policy")) policy_json = body["policy"];
  if (!policy_json.is_object()) return Error(Code::kInvalidArgument, "'policy' is not an object");
  if (body.contains("stages")) policy_json["stages"] = body["stages"];
  auto policy = PolicyFromJson(policy_json);
  if (!policy.ok()) return Error(Code::kInvalidArgument, "%s", policy.status().ToString().c_str());
  WHET_ASSIGN_OR_RETURN(const ReleaseName candidate, context.catalog->Find(family, version));

  const auto& principal = std::any_cast<const Principal&>(request.user);
  // An id of the caller's own: who asks again after a lost answer does not start a second rollout.
  WHET_ASSIGN_OR_RETURN(const std::string given, TextOf(body, "id", true));
  const std::string id = given.empty() ? NewRolloutId() : given;
  {
    WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
    Status status = InTransaction(*sql, [&]() -> Status {
      WHET_ASSIGN_OR_RETURN(const auto stable, StableRelease(*sql, channel, family));
      if (!stable) {
        return Error(
            Code::kInvalidArgument,
            "the channel '%.64s' has no release of %.64s yet; PUT /api/v1/channels/%.64s gives it its first",
            channel.c_str(), family.c_str(), channel.c_str());
      }
      WHET_ASSIGN_OR_RETURN(const Rollout rollout, CreateRollout(id, channel, family, *stable, candidate,
                                                                 *policy, principal.name, context.Now()));
      WHET_RETURN_IF_ERROR(InsertRollout(*sql, rollout));
      return WriteAudit(*sql, context.Now(),
                        Audit(request, "rollout.create", id, family + " " + version + " in " + channel));
    });
    if (!status.ok()) return status;
  }
  PublishSoon(context);
  WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
  WHET_ASSIGN_OR_RETURN(const StoredRollout stored, LoadRollout(*sql, id, false));
  return StoredRolloutToJson(stored);
}

Result<Json> Act(ServerContext& context, const HttpRequest& request, RolloutAction action, const char* name) {
  WHET_RETURN_IF_ERROR(NeedKeys(context));
  std::string reason;
  if (!request.body.empty()) {
    WHET_ASSIGN_OR_RETURN(const Json body, BodyOf(request));
    WHET_ASSIGN_OR_RETURN(reason, TextOf(body, "reason", true));
  }
  const std::string id(request.PathParameter("id"));
  const auto& principal = std::any_cast<const Principal&>(request.user);
  {
    WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
    Status status = InTransaction(*sql, [&]() -> Status {
      WHET_ASSIGN_OR_RETURN(StoredRollout stored, LoadRollout(*sql, id, true));
      WHET_RETURN_IF_ERROR(ApplyAction(stored.rollout, action, principal.name, reason, context.Now()));
      WHET_RETURN_IF_ERROR(SaveRollout(*sql, stored.rollout, ""));
      return WriteAudit(*sql, context.Now(), Audit(request, std::string("rollout.") + name, id, reason));
    });
    if (!status.ok()) return status;
  }
  PublishSoon(context);
  WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
  WHET_ASSIGN_OR_RETURN(const StoredRollout stored, LoadRollout(*sql, id, false));
  return StoredRolloutToJson(stored);
}

Result<Json> Channels(const ServerContext& context) {
  WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
  WHET_ASSIGN_OR_RETURN(const auto list, ListChannels(*sql));
  Json items = Json::array();
  for (const ChannelRelease& one : list) {
    if (items.empty() || items.back()["channel"] != one.channel) {
      items.push_back({{"channel", one.channel}, {"families", Json::array()}});
    }
    items.back()["families"].push_back(
        {{"family", one.family},
         {"version", one.release.version},
         {"release_sha256", one.release.release_sha256},
         {"rollout", one.rollout.empty() ? Json(nullptr) : Json(one.rollout)}});
  }
  return Json{{"items", std::move(items)}, {"next", nullptr}};
}

Result<Json> PutChannel(ServerContext& context, const HttpRequest& request) {
  WHET_RETURN_IF_ERROR(NeedKeys(context));
  WHET_ASSIGN_OR_RETURN(const Json body, BodyOf(request));
  const std::string channel(request.PathParameter("channel"));
  if (!IsFamily(channel)) {
    return Error(Code::kInvalidArgument, "a channel's name is 1 to 64 of a-z, 0-9, '.', '_' and '-'");
  }
  WHET_ASSIGN_OR_RETURN(const std::string family, TextOf(body, "family"));
  WHET_ASSIGN_OR_RETURN(const std::string version, TextOf(body, "version"));
  Policy policy;
  if (const auto trial = body.find("trial_s"); trial != body.end()) {
    if (!trial->is_number_integer()) {
      return Error(Code::kInvalidArgument, "'trial_s' is not a whole number of seconds");
    }
    policy.trial_s = trial->get<int64_t>();
    WHET_RETURN_IF_ERROR(CheckPolicy(policy));
  }
  WHET_ASSIGN_OR_RETURN(const ReleaseName release, context.catalog->Find(family, version));
  WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
  Status status = InTransaction(*sql, [&]() -> Status {
    WHET_ASSIGN_OR_RETURN(const auto list, ListChannels(*sql));
    for (const ChannelRelease& one : list) {
      if (one.channel == channel && one.family == family && !one.rollout.empty()) {
        return Error(Code::kInvalidArgument,
                     "rollout %s of %.64s in '%.64s' has not ended; finish it or roll it back first",
                     one.rollout.c_str(), family.c_str(), channel.c_str());
      }
    }
    WHET_RETURN_IF_ERROR(SetStableRelease(*sql, channel, family, release));
    WHET_RETURN_IF_ERROR(
        WriteAudit(*sql, context.Now(), Audit(request, "channel.set", channel, family + " " + version)));
    RolloutDocument document;
    document.channel = channel;
    document.family = family;
    document.rollout = NewRolloutId();
    document.state = RolloutState::kDone;
    document.stable = release;
    document.percent = 100;
    document.trial_s = policy.trial_s;
    document.sequence = 1;
    document.updated = FormatUtcTime(context.Now());
    // Before the commit: what cannot be published is not what the channel has.
    return context.publisher->PublishStable(document);
  });
  if (!status.ok()) return status;
  return Channels(context);
}

}  // namespace

void AddRolloutRoutes(ServerContext& context, std::vector<HttpRoute>& routes) {
  routes.push_back(Route("GET", "/api/v1/rollouts", "viewer",
                         [&context](HttpRequest& r) { return Answer(context, ListRollouts(context, r)); }));
  routes.push_back(Route("POST", "/api/v1/rollouts", "releaser",
                         [&context](HttpRequest& r) { return Answer(context, StartRollout(context, r)); }));
  routes.push_back(Route("GET", "/api/v1/rollouts/{id}", "viewer", [&context](HttpRequest& r) {
    return Answer(context, [&]() -> Result<Json> {
      WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
      WHET_ASSIGN_OR_RETURN(const StoredRollout stored, LoadRollout(*sql, r.PathParameter("id"), false));
      return StoredRolloutToJson(stored);
    }());
  }));
  routes.push_back(Route("GET", "/api/v1/rollouts/{id}/series", "viewer", [&context](HttpRequest& r) {
    return Answer(context, [&]() -> Result<Json> {
      WHET_ASSIGN_OR_RETURN(const auto sql, context.database->Connect());
      WHET_ASSIGN_OR_RETURN(const StoredRollout stored, LoadRollout(*sql, r.PathParameter("id"), false));
      return RolloutSeries(*sql, stored.rollout, context.Now());
    }());
  }));
  for (const char* name : {"pause", "resume", "advance", "rollback"}) {
    const RolloutAction action = *RolloutActionOf(name);
    routes.push_back(Route(
        "POST", std::string("/api/v1/rollouts/{id}/") + name, "operator",
        [&context, action, name](HttpRequest& r) { return Answer(context, Act(context, r, action, name)); }));
  }
  routes.push_back(Route("GET", "/api/v1/channels", "viewer",
                         [&context](HttpRequest&) { return Answer(context, Channels(context)); }));
  routes.push_back(Route("PUT", "/api/v1/channels/{channel}", "releaser",
                         [&context](HttpRequest& r) { return Answer(context, PutChannel(context, r)); }));
}

}  // namespace whet::fleet
