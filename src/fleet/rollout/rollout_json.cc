#include <cmath>

#include "base/utc_time.h"
#include "fleet/json/json.h"
#include "fleet/json/members.h"
#include "fleet/rollout/rollout.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxBytes = size_t{4} << 20;
constexpr int kMaxDepth = 8;
constexpr size_t kMaxStrata = 4096;

Json ReleaseJson(const ReleaseName& release) {
  return {{"version", release.version}, {"release_sha256", release.release_sha256}};
}

Result<ReleaseName> ReadRelease(const Json* json, const char* name) {
  if (json == nullptr) return Error(Code::kBadFile, "the rollout: '%s' is missing", name);
  Members members(*json, std::string("the rollout's ") + name);
  ReleaseName release;
  release.version = members.Text("version", IsVersion);
  release.release_sha256 = members.Text("release_sha256", IsSha256Hex);
  WHET_RETURN_IF_ERROR(members.TakeStatus());
  return release;
}

bool IsAnything(std::string_view) { return true; }

}  // namespace

Json RolloutToJson(const Rollout& rollout) {
  Json history = Json::array();
  for (const HistoryEntry& entry : rollout.history) {
    history.push_back({{"time", FormatUtcTime(entry.unix_s)},
                       {"actor", entry.actor},
                       {"action", entry.action},
                       {"reason", entry.reason}});
  }
  return {{"id", rollout.id},
          {"channel", rollout.channel},
          {"family", rollout.family},
          {"state", std::string(RolloutStateName(rollout.state))},
          {"stable", ReleaseJson(rollout.stable)},
          {"candidate", ReleaseJson(rollout.candidate)},
          {"stage", rollout.stage},
          {"stages", rollout.policy.stages},
          {"percent", rollout.percent()},
          {"sequence", rollout.sequence},
          {"created", FormatUtcTime(rollout.created_unix_s)},
          {"updated", FormatUtcTime(rollout.updated_unix_s)},
          {"stage_started", FormatUtcTime(rollout.stage_started_unix_s)},
          {"paused", rollout.state == RolloutState::kPaused ? Json(FormatUtcTime(rollout.paused_unix_s))
                                                            : Json(nullptr)},
          {"policy", PolicyToJson(rollout.policy)},
          {"limits", rollout.limits.control_p95_ms},
          {"history", std::move(history)}};
}

Result<Rollout> ParseRollout(std::string_view text) {
  WHET_ASSIGN_OR_RETURN(const Json json, ParseJson(text, {kMaxBytes, kMaxDepth}, "the rollout"));
  Members members(json, "the rollout");
  Rollout rollout;
  rollout.id = members.Text("id", IsRolloutId);
  rollout.channel = members.Text("channel", IsFamily);
  rollout.family = members.Text("family", IsFamily);
  const std::string state =
      members.Text("state", [](std::string_view name) { return RolloutStateOf(name).has_value(); });
  rollout.stage = members.Whole("stage", 0, 31);
  rollout.sequence = members.Whole("sequence", 0, INT64_MAX);
  rollout.created_unix_s = members.Time("created");
  rollout.updated_unix_s = members.Time("updated");
  rollout.stage_started_unix_s = members.Time("stage_started");
  if (state == "paused") rollout.paused_unix_s = members.Time("paused");
  const Json* policy = members.Find("policy");
  if (policy == nullptr) members.Fail("'policy' is missing");
  WHET_RETURN_IF_ERROR(members.TakeStatus());
  rollout.state = *RolloutStateOf(state);
  WHET_ASSIGN_OR_RETURN(rollout.stable, ReadRelease(members.Find("stable"), "stable"));
  WHET_ASSIGN_OR_RETURN(rollout.candidate, ReadRelease(members.Find("candidate"), "candidate"));
  WHET_ASSIGN_OR_RETURN(rollout.policy, PolicyFromJson(*policy));
  if (rollout.stage >= rollout.policy.stages.size()) {
    return Error(Code::kBadFile, "the rollout: stage %zu is not among its %zu stages", rollout.stage,
                 rollout.policy.stages.size());
  }
  if (const Json* limits = members.Find("limits")) {
    if (!limits->is_object() || limits->size() > kMaxStrata) members.Fail("'limits' is not an object");
    for (const auto& [stratum, limit] : limits->items()) {
      const double value = limit.is_number() ? limit.get<double>() : 0;
      if (!(value > 0) || !std::isfinite(value))
        members.Fail("'limits' has a latency that is not above zero");
      rollout.limits.control_p95_ms[stratum] = value;
    }
  }
  if (const Json* history = members.Find("history")) {
    if (!history->is_array() || history->size() > Rollout::kMaxHistory)
      members.Fail("'history' is not a list");
    for (const Json& item : *history) {
      Members entry(item, "the rollout's history");
      HistoryEntry read;
      read.unix_s = entry.Time("time");
      read.actor = entry.Text("actor", IsAnything);
      read.action = entry.Text("action", IsAnything);
      read.reason = entry.Text("reason", IsAnything);
      WHET_RETURN_IF_ERROR(entry.TakeStatus());
      rollout.history.push_back(std::move(read));
    }
  }
  WHET_RETURN_IF_ERROR(members.TakeStatus());
  return rollout;
}

}  // namespace whet::fleet
