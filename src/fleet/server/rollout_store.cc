#include "fleet/server/rollout_store.h"

#include <algorithm>
#include <map>

#include "base/utc_time.h"
#include "fleet/json/nlohmann.h"
#include "fleet/rollout/cohort.h"
#include "fleet/server/sums.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxBuckets = 200;

SqlValue Text(std::string_view text) { return std::string(text); }

}  // namespace

Json StoredRolloutToJson(const StoredRollout& stored) {
  Json json = RolloutToJson(stored.rollout);
  Json gate = stored.gate.empty() ? Json(nullptr) : Json::parse(stored.gate, nullptr, false);
  json["gate"] = gate.is_discarded() ? Json(nullptr) : std::move(gate);
  json["published"] = stored.published;
  return json;
}

Result<StoredRollout> LoadRollout(SqlConnection& sql, std::string_view id, bool lock) {
  std::optional<Result<StoredRollout>> result;
  // SQLite's writers are alone anyway.
  const std::string_view query =
      lock && sql.is_postgres()
          ? "SELECT body, gate, published, sequence FROM rollouts WHERE id = $1 FOR UPDATE"
          : "SELECT body, gate, published, sequence FROM rollouts WHERE id = $1";
  WHET_RETURN_IF_ERROR(sql.Run(query, {Text(id)}, [&](const SqlRow& row) {
    auto rollout = ParseRollout(row.Text(0));
    if (!rollout.ok()) {
      result.emplace(rollout.TakeStatus());
      return;
    }
    result.emplace(StoredRollout{std::move(*rollout), std::string(row.Text(1)), row.Int(2) >= row.Int(3)});
  }));
  if (!result) return Error(Code::kNotFound, "there is no rollout '%.64s'", std::string(id).c_str());
  return std::move(*result);
}

Status InsertRollout(SqlConnection& sql, const Rollout& rollout) {
  if (sql.is_postgres()) WHET_RETURN_IF_ERROR(sql.Run("SELECT pg_advisory_xact_lock(7234503)"));
  std::string other;
  WHET_RETURN_IF_ERROR(sql.Run("SELECT id FROM rollouts WHERE id = $1", {rollout.id},
                               [&](const SqlRow& row) { other = row.Text(0); }));
  if (!other.empty()) {
    return Error(Code::kInvalidArgument, "there is a rollout %s already; an id is used once", other.c_str());
  }
  WHET_RETURN_IF_ERROR(
      sql.Run("SELECT id FROM rollouts WHERE channel = $1 AND family = $2 AND state IN ('running', 'paused')",
              {rollout.channel, rollout.family}, [&](const SqlRow& row) { other = row.Text(0); }));
  if (!other.empty()) {
    return Error(Code::kInvalidArgument,
                 "rollout %s of %s in '%s' has not ended; finish it or roll it back first", other.c_str(),
                 rollout.family.c_str(), rollout.channel.c_str());
  }
  return sql.Run(
      "INSERT INTO rollouts (id, channel, family, state, sequence, created, published, body, gate) "
      "VALUES ($1, $2, $3, $4, $5, $6, 0, $7, '')",
      {rollout.id, rollout.channel, rollout.family, Text(RolloutStateName(rollout.state)),
       static_cast<int64_t>(rollout.sequence), rollout.created_unix_s, RolloutToJson(rollout).dump()});
}

Status SaveRollout(SqlConnection& sql, const Rollout& rollout, const std::string& gate) {
  WHET_RETURN_IF_ERROR(sql.Run("UPDATE rollouts SET state = $2, sequence = $3, body = $4 WHERE id = $1",
                               {rollout.id, Text(RolloutStateName(rollout.state)),
                                static_cast<int64_t>(rollout.sequence), RolloutToJson(rollout).dump()}));
  if (!gate.empty()) {
    WHET_RETURN_IF_ERROR(sql.Run("UPDATE rollouts SET gate = $2 WHERE id = $1", {rollout.id, gate}));
  }
  if (rollout.state != RolloutState::kDone) return {};
  return SetStableRelease(sql, rollout.channel, rollout.family, rollout.candidate);
}

Result<std::vector<ChannelRelease>> ListChannels(SqlConnection& sql) {
  std::vector<ChannelRelease> list;
  WHET_RETURN_IF_ERROR(
      sql.Run("SELECT c.channel, c.family, c.version, c.release_sha256, COALESCE(r.id, '') FROM channels c "
              "LEFT JOIN rollouts r "
              "ON r.channel = c.channel AND r.family = c.family AND r.state IN ('running', 'paused') "
              "ORDER BY c.channel, c.family",
              {}, [&](const SqlRow& row) {
                list.push_back({std::string(row.Text(0)),
                                std::string(row.Text(1)),
                                {std::string(row.Text(2)), std::string(row.Text(3))},
                                std::string(row.Text(4))});
              }));
  return list;
}

Result<std::optional<ReleaseName>> StableRelease(SqlConnection& sql, std::string_view channel,
                                                 std::string_view family) {
  std::optional<ReleaseName> release;
  WHET_RETURN_IF_ERROR(sql.Run(
      "SELECT version, release_sha256 FROM channels WHERE channel = $1 AND family = $2",
      {Text(channel), Text(family)},
      [&](const SqlRow& row) { release = ReleaseName{std::string(row.Text(0)), std::string(row.Text(1))}; }));
  return release;
}

Status SetStableRelease(SqlConnection& sql, std::string_view channel, std::string_view family,
                        const ReleaseName& release) {
  return sql.Run(
      "INSERT INTO channels (channel, family, version, release_sha256, rollout) VALUES ($1, $2, $3, $4, '') "
      "ON CONFLICT (channel, family) DO UPDATE SET version = excluded.version, release_sha256 = "
      "excluded.release_sha256",
      {Text(channel), Text(family), release.version, release.release_sha256});
}

Status WriteAudit(SqlConnection& sql, int64_t now, const AuditEntry& entry) {
  return sql.Run(
      "INSERT INTO audit (time, actor, role, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6)",
      {now, entry.actor, entry.role, entry.action, entry.object, entry.detail});
}

Result<GateInput> ReadGateInput(SqlConnection& sql, const Rollout& rollout, int64_t now) {
  GateInput input;
  input.now_unix_s = now;
  input.stage_age_s = std::max<int64_t>(0, now - rollout.stage_started_unix_s);
  const auto stage = static_cast<int64_t>(rollout.stage);
  const double percent = rollout.percent();
  // Everybody has the candidate: what there is to compare with is the control of the stage before.
  input.control_is_past = percent >= 100 && rollout.stage > 0;
  Status bad;
  WHET_RETURN_IF_ERROR(sql.Run(
      "SELECT d.device, d.arch, d.first_seen, d.last_seen, t.arm, t.sums, m.version, m.health FROM "
      "device_models m "
      "JOIN devices d ON d.device = m.device "
      "LEFT JOIN tallies t ON t.rollout = $1 AND t.stage = $2 AND t.device = d.device "
      "WHERE m.family = $3 AND d.channel = $4",
      {rollout.id, stage, rollout.family, rollout.channel}, [&](const SqlRow& row) {
        DeviceTally tally;
        bool candidate = InCohort(rollout.id, row.Text(0), percent);
        if (candidate) ++input.cohort_devices;
        if (!row.IsNull(5)) {
          auto known = UnpackTally(row.Bytes(5));
          if (!known.ok()) {
            bad = known.TakeStatus();
            return;
          }
          tally = *known;
          candidate = row.Text(4) == "new";
        }
        // Its silence means something if it was there before the stage and not long silent already.
        tally.watched = row.Int(2) < rollout.stage_started_unix_s &&
                        row.Int(3) >= rollout.stage_started_unix_s - rollout.policy.silence_s;
        tally.dark = tally.watched && row.Int(3) < now - rollout.policy.silence_s;
        tally.degraded = row.Text(6) == (candidate ? rollout.candidate : rollout.stable).version &&
                         row.Int(7) == static_cast<int>(Health::kDegraded);
        if (!candidate && input.control_is_past) return;
        ArmSums& sums = (candidate ? input.candidate : input.control).strata[std::string(row.Text(1))];
        sums.Add(tally);
        if (tally.IsSick(rollout.policy.sick_crashes)) ++sums.sick;
      }));
  WHET_RETURN_IF_ERROR(std::move(bad));
  if (input.control_is_past) {
    WHET_RETURN_IF_ERROR(
        sql.Run("SELECT d.arch, t.sums FROM tallies t JOIN devices d ON d.device = t.device "
                "WHERE t.rollout = $1 AND t.stage = $2 AND t.arm = 'control'",
                {rollout.id, stage - 1}, [&](const SqlRow& row) {
                  auto tally = UnpackTally(row.Bytes(1));
                  if (tally.ok()) {
                    ArmSums& sums = input.control.strata[std::string(row.Text(0))];
                    sums.Add(*tally);
                    if (tally->IsSick(rollout.policy.sick_crashes)) ++sums.sick;
                  } else {
                    bad = tally.TakeStatus();
                  }
                }));
    WHET_RETURN_IF_ERROR(std::move(bad));
  }
  WHET_RETURN_IF_ERROR(sql.Run(
      "SELECT arm, sums FROM minutes WHERE rollout = $1 AND minute >= $2",
      {rollout.id, rollout.stage_started_unix_s - rollout.stage_started_unix_s % 60}, [&](const SqlRow& row) {
        const auto sums = UnpackMinute(row.Bytes(1));
        if (!sums.ok()) return;
        Histogram& latency = row.Text(0) == "new" ? input.candidate.latency_ms : input.control.latency_ms;
        if (!latency.Merge(sums->latency_ms).ok()) return;
      }));
  return input;
}

namespace {

Json ArmOfMinutes(const MinuteSums& sums) {
  const bool ran = sums.latency_ms.count() > 0;
  return {{"devices", sums.reports},
          {"installs", sums.installs},
          {"install_failures", sums.install_failures},
          {"crashes", sums.crashes},
          {"errors", sums.errors},
          {"inferences", sums.inferences},
          {"p50_ms", ran ? Json(sums.latency_ms.Quantile(0.5)) : Json(nullptr)},
          {"p95_ms", ran ? Json(sums.latency_ms.Quantile(0.95)) : Json(nullptr)},
          {"accuracy",
           sums.labelled_total > 0 ? Json(sums.labelled_correct / sums.labelled_total) : Json(nullptr)},
          {"energy_mj",
           sums.energy_inferences > 0 ? Json(sums.energy_mj / sums.energy_inferences) : Json(nullptr)},
          {"dark", 0}};
}

}  // namespace

Result<Json> RolloutSeries(SqlConnection& sql, const Rollout& rollout, int64_t now) {
  const int64_t end = rollout.finished() ? rollout.updated_unix_s : now;
  const int64_t minutes = std::max<int64_t>(1, (end - rollout.created_unix_s) / 60 + 1);
  const int64_t width = 60 * ((minutes + kMaxBuckets - 1) / kMaxBuckets);
  std::map<int64_t, std::map<std::string, MinuteSums>> buckets;
  Status bad;
  WHET_RETURN_IF_ERROR(sql.Run(
      "SELECT minute, arm, sums FROM minutes WHERE rollout = $1", {rollout.id}, [&](const SqlRow& row) {
        auto sums = UnpackMinute(row.Bytes(2));
        if (!sums.ok()) {
          bad = sums.TakeStatus();
          return;
        }
        buckets[row.Int(0) - row.Int(0) % width][std::string(row.Text(1))].Add(*sums);
      }));
  WHET_RETURN_IF_ERROR(std::move(bad));
  Json list = Json::array();
  for (const auto& [time, arms] : buckets) {
    const auto arm = [&arms](const char* name) {
      const auto found = arms.find(name);
      return found == arms.end() ? Json(nullptr) : ArmOfMinutes(found->second);
    };
    list.push_back({{"time", FormatUtcTime(time)}, {"new", arm("new")}, {"control", arm("control")}});
  }
  return Json{{"bucket_s", width}, {"buckets", std::move(list)}};
}

Status Publisher::Publish(const RolloutDocument& document) {
  const RoleSigners signers{{online_public_key_}, 1};
  return repository_.SetRollout(document.channel, document.family, PrintRolloutDocument(document), &signers);
}

Status Publisher::PublishStable(const RolloutDocument& document) {
  const std::lock_guard lock(mutex_);
  return Publish(document);
}

Result<bool> Publisher::Refresh() {
  const std::lock_guard lock(mutex_);
  return repository_.RefreshOnlineRoles();
}

Status Publisher::PublishPending(SqlDatabase& database) {
  const std::lock_guard lock(mutex_);
  WHET_ASSIGN_OR_RETURN(const auto sql, database.Connect());
  // Replicas publish one after another, so that none puts an older document over a newer one.
  struct Unlock {
    SqlConnection* sql;
    ~Unlock() {
      if (sql != nullptr && !sql->Run("SELECT pg_advisory_unlock(7234504)").ok()) return;
    }
  } unlock{nullptr};
  if (sql->is_postgres()) {
    WHET_RETURN_IF_ERROR(sql->Run("SELECT pg_advisory_lock(7234504)"));
    unlock.sql = &*sql;
  }
  std::vector<std::string> bodies;
  // In the order of their making: a rollout that ended before the next of its channel began is older.
  WHET_RETURN_IF_ERROR(sql->Run("SELECT body FROM rollouts WHERE published < sequence ORDER BY created, id",
                                {}, [&](const SqlRow& row) { bodies.emplace_back(row.Text(0)); }));
  Status first;
  for (const std::string& body : bodies) {
    Status status;
    auto rollout = ParseRollout(body);
    if (rollout.ok()) {
      status = Publish(DocumentOf(*rollout));
      // What was changed meanwhile stays pending.
      if (status.ok()) {
        status = sql->Run("UPDATE rollouts SET published = $2 WHERE id = $1 AND published < $2",
                          {rollout->id, static_cast<int64_t>(rollout->sequence)});
      }
      if (!status.ok()) status = std::move(status).At("rollout " + rollout->id);
    } else {
      status = rollout.TakeStatus();
    }
    if (first.ok()) first = std::move(status);
  }
  return first;
}

}  // namespace whet::fleet
