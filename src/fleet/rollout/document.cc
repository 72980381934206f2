#include "fleet/rollout/document.h"

#include <algorithm>
#include <array>

#include "base/utc_time.h"
#include "fleet/json/json.h"
#include "fleet/json/members.h"
#include "fleet/json/nlohmann.h"
#include "fleet/rollout/cohort.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 8;
constexpr int kFormat = 1;
constexpr int64_t kYearSeconds = int64_t{366} * 24 * 3600;
constexpr std::array<std::string_view, 4> kStateNames = {"running", "paused", "done", "rolled-back"};

bool IsTime(std::string_view text) { return ParseUtcTime(text).ok(); }

Result<ReleaseName> ReadRelease(const Json& json, const char* name) {
  Members members(json, std::string("the rollout document's ") + name);
  ReleaseName release;
  release.version = members.Text("version", IsVersion);
  release.release_sha256 = members.Text("release_sha256", IsSha256Hex);
  WHET_RETURN_IF_ERROR(members.TakeStatus());
  return release;
}

Json ReleaseJson(const ReleaseName& release) {
  return {{"version", release.version}, {"release_sha256", release.release_sha256}};
}

}  // namespace

std::string_view RolloutStateName(RolloutState state) { return kStateNames[static_cast<size_t>(state)]; }

std::optional<RolloutState> RolloutStateOf(std::string_view name) {
  const auto found = std::ranges::find(kStateNames, name);
  if (found == kStateNames.end()) return std::nullopt;
  return static_cast<RolloutState>(found - kStateNames.begin());
}

bool IsRolloutId(std::string_view text) {
  return text.size() >= 16 && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

const ReleaseName& ReleaseFor(const RolloutDocument& document, std::string_view device) {
  if (!document.candidate) return document.stable;
  switch (document.state) {
    case RolloutState::kRunning:
    case RolloutState::kPaused:
      return InCohort(document.rollout, device, document.percent) ? *document.candidate : document.stable;
    case RolloutState::kDone: return *document.candidate;
    case RolloutState::kRolledBack: return document.stable;
  }
  return document.stable;
}

std::string PrintRolloutDocument(const RolloutDocument& document) {
  const Json json = {{"format", kFormat},
                     {"channel", document.channel},
                     {"family", document.family},
                     {"rollout", document.rollout},
                     {"state", std::string(RolloutStateName(document.state))},
                     {"stable", ReleaseJson(document.stable)},
                     {"candidate", document.candidate ? ReleaseJson(*document.candidate) : Json(nullptr)},
                     {"percent", document.percent},
                     {"shadow_s", document.shadow_s},
                     {"trial_s", document.trial_s},
                     {"sequence", document.sequence},
                     {"updated", document.updated}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<RolloutDocument> ParseRolloutDocument(std::string_view text) {
  WHET_ASSIGN_OR_RETURN(const Json json,
                        ParseJson(text, {kMaxDocumentBytes, kMaxDepth}, "the rollout document"));
  Members members(json, "the rollout document");
  if (members.Whole("format", 0, UINT64_MAX) != kFormat) {
    members.Fail("'format' is not 1; a newer version of Whet may read it");
  }
  RolloutDocument document;
  document.channel = members.Text("channel", IsFamily);
  document.family = members.Text("family", IsFamily);
  document.rollout = members.Text("rollout", IsRolloutId);
  const std::string state =
      members.Text("state", [](std::string_view name) { return RolloutStateOf(name).has_value(); });
  document.updated = members.Text("updated", IsTime);
  document.shadow_s = members.Seconds("shadow_s", 0, kYearSeconds);
  document.trial_s = members.Seconds("trial_s", 600, kYearSeconds);
  document.sequence = members.Whole("sequence", 0, INT64_MAX);
  if (members.Find("percent") == nullptr) members.Fail("'percent' is missing");
  document.percent = members.Number("percent", 0, 0, 100);
  const Json* stable = members.Find("stable");
  if (stable == nullptr) members.Fail("'stable' is missing");
  WHET_RETURN_IF_ERROR(members.TakeStatus());
  document.state = *RolloutStateOf(state);
  WHET_ASSIGN_OR_RETURN(document.stable, ReadRelease(*stable, "stable"));
  if (const Json* candidate = members.Find("candidate")) {
    WHET_ASSIGN_OR_RETURN(document.candidate, ReadRelease(*candidate, "candidate"));
  }
  return document;
}

}  // namespace whet::fleet
