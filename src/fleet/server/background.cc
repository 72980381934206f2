#include "fleet/server/background.h"

#include <chrono>
#include <vector>

#include "fleet/json/nlohmann.h"
#include "fleet/rollout/gate.h"
#include "fleet/server/schema.h"

namespace whet::fleet {
namespace {

constexpr int64_t kLeaseSeconds = 15;
constexpr int64_t kRefreshSeconds = 60;
constexpr int64_t kRetentionSeconds = 3600;
constexpr int64_t kOverviewSeconds = 5;
constexpr int64_t kDay = 86400;

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Background::Background(ServerContext& context, std::string holder)
    : context_(context), holder_(std::move(holder)), thread_([this] { Loop(); }) {}

Background::~Background() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
  // Another replica need not wait for the lease to run out.
  const auto sql = context_.database->Connect();
  if (sql.ok() && !(*sql)->Run("DELETE FROM leases WHERE name = 'gate' AND holder = $1", {holder_}).ok())
    return;
}

void Background::Loop() {
  std::unique_lock lock(mutex_);
  do {
    lock.unlock();
    Tick();
    lock.lock();
  } while (!wake_.wait_for(lock, std::chrono::seconds(1), [this] { return stop_; }));
}

void Background::Report(const char* job, const Status& status) {
  std::string& last = reported_[job];
  const std::string text = status.ok() ? std::string() : status.ToString();
  if (text != last && !text.empty()) context_.Log(std::string(job) + ": " + text);
  last = text;
}

Result<bool> Background::HoldLease(int64_t now) {
  WHET_ASSIGN_OR_RETURN(const auto sql, context_.database->Connect());
  bool held = false;
  WHET_RETURN_IF_ERROR(sql->Run(
      "INSERT INTO leases (name, holder, until) VALUES ('gate', $1, $2) ON CONFLICT (name) DO UPDATE SET "
      "holder = excluded.holder, until = excluded.until WHERE leases.holder = $1 OR leases.until < $3 "
      "RETURNING holder",
      {holder_, now + kLeaseSeconds, now}, [&](const SqlRow&) { held = true; }));
  return held;
}

void Background::Tick() {
  const int64_t now = context_.Now();
  auto held = HoldLease(now);
  Report("lease", held.ok() ? OkStatus() : held.TakeStatus());
  if (held.ok() && *held) {
    if (SteadyMs() >= next_gate_ms_) {
      next_gate_ms_ = SteadyMs() + static_cast<int64_t>(context_.options.gate_interval_s * 1000);
      EvaluateAll();
    }
    if (context_.publisher) {
      const Status status = context_.publisher->PublishPending(*context_.database);
      if (!status.ok()) ++context_.metrics.publish_failures;
      Report("publish", status);
      if (now >= next_refresh_s_) {
        next_refresh_s_ = now + kRefreshSeconds;
        auto refreshed = context_.publisher->Refresh();
        Report("refresh", refreshed.ok() ? OkStatus() : refreshed.TakeStatus());
      }
    }
    if (now >= next_retention_s_) {
      next_retention_s_ = now + kRetentionSeconds;
      const auto sql = context_.database->Connect();
      Report("retention",
             sql.ok() ? DropBefore(**sql, now - context_.options.retention_days * kDay) : OkStatus());
    }
  }
  TellChanges();
}

void Background::EvaluateAll() {
  std::vector<std::string> ids;
  {
    const auto sql = context_.database->Connect();
    if (!sql.ok()) return;  // the lease's error says it
    const Status status =
        (*sql)->Run("SELECT id FROM rollouts WHERE state IN ('running', 'paused') ORDER BY id", {},
                    [&](const SqlRow& row) { ids.emplace_back(row.Text(0)); });
    Report("gate", status);
  }
  for (const std::string& id : ids) {
    const Status status = Evaluate(id);
    Report(("gate of " + id).c_str(), status);
  }
}

Status Background::Evaluate(const std::string& id) {
  WHET_ASSIGN_OR_RETURN(const auto sql, context_.database->Connect());
  WHET_ASSIGN_OR_RETURN(const StoredRollout seen, LoadRollout(*sql, id, false));
  const int64_t now = context_.Now();
  WHET_ASSIGN_OR_RETURN(const GateInput input, ReadGateInput(*sql, seen.rollout, now));
  const Gate gate = EvaluateGate(seen.rollout.policy, input);
  ++context_.metrics.gate_evaluations;
  bool changed = false;
  WHET_RETURN_IF_ERROR(InTransaction(*sql, [&]() -> Status {
    WHET_ASSIGN_OR_RETURN(StoredRollout stored, LoadRollout(*sql, id, true));
    // Somebody did something meanwhile: what was seen is of another stage or state.
    if (stored.rollout.sequence != seen.rollout.sequence) return {};
    changed = ApplyGate(stored.rollout, gate);
    Status status = SaveRollout(*sql, stored.rollout, GateToJson(gate).dump());
    if (!status.ok() || !changed) return status;
    const HistoryEntry& last = stored.rollout.history.back();
    return WriteAudit(*sql, now, {"gate", "server", "rollout." + last.action, id, last.reason});
  }));
  if (changed) context_.overview->Forget();
  return {};
}

void Background::TellChanges() {
  if (context_.events.subscribers() == 0) {
    had_listeners_ = false;
    return;
  }
  const auto sql = context_.database->Connect();
  if (!sql.ok()) return;
  // Of what changed before anyone listened, a new listener learns by asking.
  const bool first = !had_listeners_;
  had_listeners_ = true;
  std::map<std::string, std::string, std::less<>> now;
  const Status status = (*sql)->Run(
      "SELECT id, sequence, gate, published FROM rollouts WHERE state IN ('running', 'paused') OR created >= "
      "$1",
      {context_.Now() - kDay}, [&](const SqlRow& row) {
        now[std::string(row.Text(0))] =
            Format("%lld %lld ", static_cast<long long>(row.Int(1)), static_cast<long long>(row.Int(3))) +
            std::string(row.Text(2));
      });
  Report("events", status);
  for (const auto& [id, text] : now) {
    const auto known = told_.find(id);
    if (first || (known != told_.end() && known->second == text)) continue;
    if (const auto stored = LoadRollout(**sql, id, false); stored.ok()) {
      context_.events.Publish("rollout", StoredRolloutToJson(*stored).dump());
    }
  }
  told_ = std::move(now);
  if (context_.Now() < next_overview_s_) return;
  next_overview_s_ = context_.Now() + kOverviewSeconds;
  if (auto overview = context_.overview->Get(); overview.ok()) {
    context_.events.Publish("overview", (*overview)->dump());
  }
}

}  // namespace whet::fleet
