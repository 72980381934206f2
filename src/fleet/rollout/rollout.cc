#include "fleet/rollout/rollout.h"

#include <algorithm>
#include <array>

#include "base/utc_time.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {
namespace {

constexpr std::array<std::string_view, 4> kActionNames = {"pause", "resume", "advance", "rollback"};
constexpr char kGateActor[] = "gate";

void Note(Rollout& rollout, int64_t now, const std::string& actor, const std::string& action,
          const std::string& reason) {
  if (rollout.history.size() >= Rollout::kMaxHistory) rollout.history.erase(rollout.history.begin());
  std::string kept = reason.substr(0, Rollout::kMaxReason);
  // Not in the middle of a character.
  if (kept.size() < reason.size()) {
    while (!kept.empty() && (static_cast<unsigned char>(reason[kept.size()]) & 0xc0) == 0x80) kept.pop_back();
  }
  rollout.history.push_back({now, actor, action, std::move(kept)});
  rollout.updated_unix_s = now;
  ++rollout.sequence;
}

void Widen(Rollout& rollout, int64_t now, const std::string& actor, const std::string& reason) {
  if (rollout.stage + 1 < rollout.policy.stages.size()) {
    ++rollout.stage;
    rollout.stage_started_unix_s = now;
    // A pause goes on in the new stage, but what was before it is not the new stage's.
    if (rollout.state == RolloutState::kPaused) rollout.paused_unix_s = now;
    rollout.limits = {};
    Note(rollout, now, actor, "advance", reason);
  } else {
    rollout.state = RolloutState::kDone;
    Note(rollout, now, actor, "done", reason);
  }
}

Status CheckRelease(const ReleaseName& release, const char* which) {
  if (!IsVersion(release.version)) {
    return Error(Code::kInvalidArgument, "the %s version '%.128s' is not a semantic version", which,
                 release.version.c_str());
  }
  if (!IsSha256Hex(release.release_sha256)) {
    return Error(Code::kInvalidArgument, "the %s release is not named by 64 hexadecimal digits", which);
  }
  return {};
}

}  // namespace

double Rollout::percent() const {
  if (state == RolloutState::kRolledBack || stage >= policy.stages.size()) return 0;
  return state == RolloutState::kDone ? 100 : policy.stages[stage];
}

Result<Rollout> CreateRollout(std::string id, std::string channel, std::string family, ReleaseName stable,
                              ReleaseName candidate, Policy policy, std::string actor, int64_t now_unix_s) {
  if (!IsRolloutId(id))
    return Error(Code::kInvalidArgument, "a rollout's id is 16 to 64 of a-z, 0-9 and '-'");
  if (!IsFamily(channel))
    return Error(Code::kInvalidArgument, "'%.64s' is not a channel's name", channel.c_str());
  if (!IsFamily(family))
    return Error(Code::kInvalidArgument, "'%.64s' is not a family's name", family.c_str());
  WHET_RETURN_IF_ERROR(CheckRelease(stable, "stable"));
  WHET_RETURN_IF_ERROR(CheckRelease(candidate, "candidate"));
  if (stable.release_sha256 == candidate.release_sha256 || stable.version == candidate.version) {
    return Error(Code::kInvalidArgument, "version %s is what the channel '%s' has already",
                 candidate.version.c_str(), channel.c_str());
  }
  WHET_RETURN_IF_ERROR(CheckPolicy(policy));
  Rollout rollout;
  rollout.id = std::move(id);
  rollout.channel = std::move(channel);
  rollout.family = std::move(family);
  rollout.stable = std::move(stable);
  rollout.candidate = std::move(candidate);
  rollout.policy = std::move(policy);
  rollout.sequence = 0;
  rollout.created_unix_s = now_unix_s;
  rollout.stage_started_unix_s = now_unix_s;
  Note(rollout, now_unix_s, actor, "create",
       Format("%s after %s, %g %% first", rollout.candidate.version.c_str(), rollout.stable.version.c_str(),
              rollout.policy.stages[0]));
  return rollout;
}

std::optional<RolloutAction> RolloutActionOf(std::string_view name) {
  const auto found = std::ranges::find(kActionNames, name);
  if (found == kActionNames.end()) return std::nullopt;
  return static_cast<RolloutAction>(found - kActionNames.begin());
}

Status ApplyAction(Rollout& rollout, RolloutAction action, const std::string& actor,
                   const std::string& reason, int64_t now_unix_s) {
  const std::string name(kActionNames[static_cast<size_t>(action)]);
  if (rollout.finished()) {
    return Error(Code::kInvalidArgument, "rollout %s is %s and changes no more; start a new one",
                 rollout.id.c_str(), std::string(RolloutStateName(rollout.state)).c_str());
  }
  switch (action) {
    case RolloutAction::kPause:
      if (rollout.state == RolloutState::kPaused) {
        return Error(Code::kInvalidArgument, "rollout %s is paused already", rollout.id.c_str());
      }
      rollout.state = RolloutState::kPaused;
      rollout.paused_unix_s = now_unix_s;
      Note(rollout, now_unix_s, actor, name, reason);
      return {};
    case RolloutAction::kResume:
      if (rollout.state != RolloutState::kPaused) {
        return Error(Code::kInvalidArgument, "rollout %s is not paused", rollout.id.c_str());
      }
      rollout.state = RolloutState::kRunning;
      rollout.stage_started_unix_s += std::max<int64_t>(0, now_unix_s - rollout.paused_unix_s);
      Note(rollout, now_unix_s, actor, name, reason);
      return {};
    case RolloutAction::kAdvance: Widen(rollout, now_unix_s, actor, reason); return {};
    case RolloutAction::kRollback:
      rollout.state = RolloutState::kRolledBack;
      Note(rollout, now_unix_s, actor, name, reason);
      return {};
  }
  return {};
}

bool ApplyGate(Rollout& rollout, const Gate& gate) {
  if (rollout.state != RolloutState::kRunning) return false;
  switch (gate.verdict) {
    case Verdict::kInconclusive: return false;
    case Verdict::kPass: Widen(rollout, gate.evaluated_unix_s, kGateActor, gate.reason); return true;
    case Verdict::kFail:
      rollout.state = RolloutState::kRolledBack;
      Note(rollout, gate.evaluated_unix_s, kGateActor, "rollback", gate.reason);
      return true;
  }
  return false;
}

RolloutDocument DocumentOf(const Rollout& rollout) {
  RolloutDocument document;
  document.channel = rollout.channel;
  document.family = rollout.family;
  document.rollout = rollout.id;
  document.state = rollout.state;
  document.stable = rollout.stable;
  document.candidate = rollout.candidate;
  document.percent = rollout.percent();
  document.shadow_s = rollout.policy.shadow_s;
  document.trial_s = rollout.policy.trial_s;
  document.sequence = rollout.sequence;
  document.updated = FormatUtcTime(rollout.updated_unix_s);
  return document;
}

}  // namespace whet::fleet
