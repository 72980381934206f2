// A rollout's way: created, through its stages as the gate allows, to done or rolled back; paused and resumed
// by people. A plain value that a server keeps as one row (RolloutToJson); a change of stage is a new value
// and one rollout document. Nothing here reads a clock.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "fleet/rollout/arm.h"
#include "fleet/rollout/document.h"
#include "fleet/rollout/gate.h"
#include "fleet/rollout/policy.h"

namespace whet::fleet {

struct HistoryEntry {
  int64_t unix_s = 0;
  std::string actor;   // who: a user's name, or "gate"
  std::string action;  // "create", "advance", "pause", "resume", "rollback", "done"
  std::string reason;
  bool operator==(const HistoryEntry&) const = default;
};

struct Rollout {
  static constexpr size_t kMaxHistory = 1000;  // older entries go
  static constexpr size_t kMaxReason = 2000;   // bytes; longer ones are cut

  std::string id;
  std::string channel;
  std::string family;
  ReleaseName stable;
  ReleaseName candidate;
  Policy policy;
  RolloutState state = RolloutState::kRunning;
  size_t stage = 0;  // index into policy.stages
  uint64_t sequence = 1;
  int64_t created_unix_s = 0;
  int64_t updated_unix_s = 0;
  int64_t stage_started_unix_s = 0;  // its pauses are taken out: it moves on by as long as they were
  int64_t paused_unix_s = 0;         // when the present pause began
  LatencyLimits limits;              // of the present stage; the server's ingest learns them
  std::vector<HistoryEntry> history;

  // 0 once rolled back.
  double percent() const;
  bool finished() const { return state == RolloutState::kDone || state == RolloutState::kRolledBack; }
};

// `id` must be new. Refuses a policy, names or hashes that are not valid, and a candidate that is the stable
// release.
Result<Rollout> CreateRollout(std::string id, std::string channel, std::string family, ReleaseName stable,
                              ReleaseName candidate, Policy policy, std::string actor, int64_t now_unix_s);

// What people do. An error, and no change, if the rollout is not in a state for it: a finished one changes no
// more.
enum class RolloutAction : uint8_t { kPause, kResume, kAdvance, kRollback };
std::optional<RolloutAction> RolloutActionOf(std::string_view name);  // "pause", …
Status ApplyAction(Rollout& rollout, RolloutAction action, const std::string& actor,
                   const std::string& reason, int64_t now_unix_s);

// What the gate's word does: pass widens (after the last stage: done), fail rolls back, inconclusive waits.
// Only a running rollout changes. True if it did: then, and only then, a new document is published.
bool ApplyGate(Rollout& rollout, const Gate& gate);

RolloutDocument DocumentOf(const Rollout& rollout);

// Rollout of docs/fleet.md, and what else is needed to go on from it; without `gate`.
nlohmann::json RolloutToJson(const Rollout& rollout);
// At most 4 MiB; checked as if it came from outside.
Result<Rollout> ParseRollout(std::string_view json);

}  // namespace whet::fleet
