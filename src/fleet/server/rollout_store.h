// Rollouts in the database: what people and the gate do to them, what the gate sees of them, and their
// publication in the repository. The database says what holds; the repository follows it.
#pragma once

#include <cstdint>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "fleet/rollout/gate.h"
#include "fleet/rollout/rollout.h"
#include "fleet/server/sql.h"
#include "fleet/tuf/repository.h"

namespace whet::fleet {

struct StoredRollout {
  Rollout rollout;
  std::string gate;  // JSON of its last Gate; empty before the first
  bool published = false;
};

// Rollout of docs/fleet.md.
nlohmann::json StoredRolloutToJson(const StoredRollout& stored);

// kNotFound if there is none. `lock` holds it until the transaction's end, so that of two changes the second
// sees the first.
Result<StoredRollout> LoadRollout(SqlConnection& sql, std::string_view id, bool lock);
// kInvalidArgument if the channel has one for this family that has not ended.
Status InsertRollout(SqlConnection& sql, const Rollout& rollout);
// With the Gate's JSON, if it is not empty. A rollout that is done makes its candidate what the channel has.
Status SaveRollout(SqlConnection& sql, const Rollout& rollout, const std::string& gate);

struct ChannelRelease {
  std::string channel;
  std::string family;
  ReleaseName release;
  std::string rollout;  // the one that goes on; empty if none does
};
Result<std::vector<ChannelRelease>> ListChannels(SqlConnection& sql);
Result<std::optional<ReleaseName>> StableRelease(SqlConnection& sql, std::string_view channel,
                                                 std::string_view family);
Status SetStableRelease(SqlConnection& sql, std::string_view channel, std::string_view family,
                        const ReleaseName& release);

struct AuditEntry {
  std::string actor;
  std::string role;
  std::string action;
  std::string object;
  std::string detail;
};
Status WriteAudit(SqlConnection& sql, int64_t now_unix_s, const AuditEntry& entry);

// All that the gate looks at, from the tallies of the rollout's present stage and from who has been heard of.
// Reads one row per device of the channel that has the family.
Result<GateInput> ReadGateInput(SqlConnection& sql, const Rollout& rollout, int64_t now_unix_s);

// {"buckets": […]} of docs/fleet.md, at most some 200 of them.
Result<nlohmann::json> RolloutSeries(SqlConnection& sql, const Rollout& rollout, int64_t now_unix_s);

// Writes rollout documents into the repository. Thread-safe; the repository's lock keeps replicas apart.
class Publisher {
 public:
  Publisher(const Repository& repository, std::string online_public_key)
      : repository_(repository), online_public_key_(std::move(online_public_key)) {}

  // Publishes what the repository does not have yet. The first error is returned after the others were tried.
  Status PublishPending(SqlDatabase& database);
  // Publishes that a channel has a release, outside of any rollout.
  Status PublishStable(const RolloutDocument& document);
  Result<bool> Refresh();

 private:
  Status Publish(const RolloutDocument& document);

  Repository repository_;
  const std::string online_public_key_;
  std::mutex mutex_;
};

}  // namespace whet::fleet
