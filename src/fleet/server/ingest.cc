#include "fleet/server/ingest.h"

#include <algorithm>
#include <chrono>
#include <iterator>

#include "fleet/rollout/cohort.h"
#include "fleet/server/schema.h"

namespace whet::fleet {
namespace {

SqlValue Count(uint64_t number) { return static_cast<int64_t>(std::min<uint64_t>(number, INT64_MAX)); }

// What an event's detail says of its number; nothing of one.
std::string Times(uint64_t count) {
  return count == 1 ? "" : Format("%llu times", static_cast<unsigned long long>(count));
}

Health WorstHealth(const Report& report) {
  Health worst = Health::kUnknown;
  for (const ModelReport& model : report.models) {
    if (model.active && static_cast<int>(model.health) > static_cast<int>(worst)) worst = model.health;
  }
  return worst;
}

}  // namespace

std::unique_ptr<Ingest> Ingest::Start(SqlDatabase& database, IngestOptions options) {
  std::unique_ptr<Ingest> ingest(new Ingest(database, std::move(options)));
  ingest->writer_ = std::thread([raw = ingest.get()] { raw->WriteLoop(); });
  return ingest;
}

Ingest::~Ingest() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  writer_.join();
}

int64_t Ingest::Now() const {
  if (options_.clock) return options_.clock();
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void Ingest::Add(Report report, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stop_ && waiting_.size() < options_.max_waiting) {
      waiting_.push_back({std::move(report), std::move(done)});
      if (waiting_.size() == 1) wake_.notify_one();
      return;
    }
  }
  done(Error(Code::kLimitExceeded, "too many reports wait to be written; send it again later"));
}

void Ingest::WriteLoop() {
  std::vector<Item> batch;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), options_.max_batch));
      batch.assign(std::make_move_iterator(waiting_.begin()),
                   std::make_move_iterator(waiting_.begin() + count));
      waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    }
    WriteBatch(batch);
    batch.clear();
  }
}

void Ingest::WriteBatch(std::vector<Item>& batch) {
  std::vector<Item*> items;
  for (Item& item : batch) items.push_back(&item);
  // Replicas lock the rows of devices in one order, so they cannot wait for each other in a circle.
  std::ranges::stable_sort(items, {},
                           [](const Item* item) -> const std::string& { return item->report.device; });
  const auto write = [this](std::vector<Item*>& some) -> Status {
    WHET_ASSIGN_OR_RETURN(const auto sql, database_.Connect());
    Status status = InTransaction(*sql, [&] { return WriteAll(*sql, some); });
    // What was learned in a transaction that is undone was not learned.
    if (!status.ok()) rollouts_.clear();
    return status;
  };
  const auto answer = [this](const Status& status, const std::vector<Item*>& some) {
    for (Item* item : some) {
      if (!status.ok()) {
        ++failed_;
        item->done(Error(status.code(), "%s", std::string(status.what()).c_str()));
      } else {
        ++(item->taken ? taken_ : duplicates_);
        item->done(item->taken);
      }
    }
  };
  ++batches_;
  Status status = write(items);
  if (status.ok() || status.code() == Code::kIo || items.size() == 1) {
    answer(status, items);
    return;
  }
  // One that the database refuses does not take the others with it.
  for (Item* item : items) {
    std::vector<Item*> one = {item};
    answer(write(one), one);
  }
}

Status Ingest::WriteAll(SqlConnection& sql, std::vector<Item*>& items) {
  const int64_t now = Now();
  if (sql.is_postgres() && now / 86400 != partitions_day_) {
    // On its own connection: it has transactions of its own.
    WHET_ASSIGN_OR_RETURN(const auto other, database_.Connect());
    WHET_RETURN_IF_ERROR(MakePartitions(*other, now));
    partitions_day_ = now / 86400;
  }
  WHET_RETURN_IF_ERROR(LoadRollouts(sql));
  Minutes minutes;
  for (Item* item : items) WHET_RETURN_IF_ERROR(WriteReport(sql, *item, now, minutes));
  return WriteMinutes(sql, minutes);
}

Status Ingest::LoadRollouts(SqlConnection& sql) {
  std::map<std::string, Watched, std::less<>> now;
  std::vector<std::string> changed;
  WHET_RETURN_IF_ERROR(sql.Run(
      "SELECT id, sequence FROM rollouts WHERE state IN ('running', 'paused')", {}, [&](const SqlRow& row) {
        const std::string id(row.Text(0));
        const auto known = rollouts_.find(id);
        if (known != rollouts_.end() && known->second.sequence == static_cast<uint64_t>(row.Int(1))) {
          now.emplace(id, std::move(known->second));
        } else {
          changed.push_back(id);
        }
      }));
  for (const std::string& id : changed) {
    Status bad;
    WHET_RETURN_IF_ERROR(sql.Run("SELECT body FROM rollouts WHERE id = $1", {id}, [&](const SqlRow& row) {
      auto rollout = ParseRollout(row.Text(0));
      if (!rollout.ok()) {
        bad = rollout.TakeStatus();
        return;
      }
      Watched watched;
      watched.sequence = rollout->sequence;
      watched.rollout = std::move(*rollout);
      watched.rollout.limits = {};
      now.emplace(id, std::move(watched));
    }));
    WHET_RETURN_IF_ERROR(std::move(bad));
    WHET_RETURN_IF_ERROR(sql.Run(
        "SELECT stratum, p95_ms FROM latency_limits WHERE rollout = $1", {id}, [&](const SqlRow& row) {
          now[id].rollout.limits.control_p95_ms[std::string(row.Text(0))] = row.Real(1);
        }));
  }
  rollouts_ = std::move(now);
  return {};
}

Status Ingest::WriteReport(SqlConnection& sql, Item& item, int64_t now, Minutes& minutes) {
  const Report& report = item.report;
  item.taken = false;
  // The update locks the row, so that of two replicas with the same report one waits and then sees it.
  SequenceSet seen;
  WHET_RETURN_IF_ERROR(sql.Run(
      "INSERT INTO device_boots (device, boot, seen, updated) VALUES ($1, $2, '', $3) "
      "ON CONFLICT (device, boot) DO UPDATE SET updated = excluded.updated RETURNING seen",
      {report.device, report.boot, now}, [&](const SqlRow& row) { seen = SequenceSet::Parse(row.Text(0)); }));
  if (!seen.Insert(report.sequence)) return {};
  WHET_RETURN_IF_ERROR(sql.Run("UPDATE device_boots SET seen = $3 WHERE device = $1 AND boot = $2",
                               {report.device, report.boot, seen.Print()}));

  const Health health = WorstHealth(report);
  WHET_RETURN_IF_ERROR(sql.Run(
      "INSERT INTO devices (device, channel, arch, agent, health, first_seen, last_seen) "
      "VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (device) DO UPDATE SET channel = excluded.channel, "
      "arch = excluded.arch, agent = excluded.agent, health = excluded.health, last_seen = "
      "excluded.last_seen",
      {report.device, report.channel, report.arch, report.agent_version, int64_t{static_cast<int>(health)},
       now}));
  for (const ModelReport& model : report.models) {
    WHET_RETURN_IF_ERROR(WriteModel(sql, report, model, now, minutes));
  }
  item.taken = true;
  return {};
}

Status Ingest::Event(SqlConnection& sql, const Report& report, int64_t now, std::string kind,
                     const ModelReport& model, std::string detail) {
  return sql.Run(
      "INSERT INTO device_events (device, time, kind, family, version, detail) VALUES ($1, $2, $3, $4, $5, "
      "$6)",
      {report.device, now, std::move(kind), model.family, model.version, std::move(detail)});
}

Status Ingest::WriteModel(SqlConnection& sql, const Report& report, const ModelReport& model, int64_t now,
                          Minutes& minutes) {
  const bool ran = model.latency_ms.count() > 0;
  WHET_RETURN_IF_ERROR(
      sql.Run("INSERT INTO telemetry (received, device, boot, sequence, family, version, variant, rollout, "
              "inferences, "
              "errors, crashes, p50_ms, p95_ms, drift, memory_bytes, energy_mj) "
              "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
              {now, report.device, report.boot, Count(report.sequence), model.family, model.version,
               model.variant, model.rollout, Count(model.inferences()), Count(model.errors),
               Count(model.crashes), ran ? SqlValue(model.latency_ms.Quantile(0.5)) : SqlValue(),
               ran ? SqlValue(model.latency_ms.Quantile(0.95)) : SqlValue(),
               model.drift ? SqlValue(*model.drift) : SqlValue(),
               model.memory_bytes ? Count(*model.memory_bytes) : SqlValue(),
               model.has_energy ? SqlValue(model.energy_mj) : SqlValue()}));

  for (size_t i = 0; i < kInstallOutcomes; ++i) {
    if (model.installs[i] == 0) continue;
    WHET_RETURN_IF_ERROR(Event(sql, report, now,
                               std::string(InstallOutcomeName(static_cast<InstallOutcome>(i))), model,
                               Times(model.installs[i])));
  }
  if (model.crashes > 0) {
    WHET_RETURN_IF_ERROR(Event(sql, report, now, "crashed", model, Times(model.crashes)));
  }
  if (model.active) {
    bool known = false;
    std::string version;
    int64_t health = 0;
    WHET_RETURN_IF_ERROR(
        sql.Run("SELECT version, health FROM device_models WHERE device = $1 AND family = $2",
                {report.device, model.family}, [&](const SqlRow& row) {
                  known = true;
                  version = row.Text(0);
                  health = row.Int(1);
                }));
    if (!known || version != model.version) {
      WHET_RETURN_IF_ERROR(Event(sql, report, now, "active", model, known ? "after " + version : ""));
    }
    if (known && health != static_cast<int>(model.health)) {
      WHET_RETURN_IF_ERROR(Event(sql, report, now, std::string(HealthName(model.health)), model,
                                 "was " + std::string(HealthName(static_cast<Health>(health)))));
    }
    WHET_RETURN_IF_ERROR(sql.Run(
        "INSERT INTO device_models (device, family, version, variant, rollout, health) VALUES ($1, $2, $3, "
        "$4, $5, $6) "
        "ON CONFLICT (device, family) DO UPDATE SET version = excluded.version, variant = excluded.variant, "
        "rollout = excluded.rollout, health = excluded.health",
        {report.device, model.family, model.version, model.variant, model.rollout,
         int64_t{static_cast<int>(model.health)}}));
  }

  MinuteKey key{now - now % 60, model.family, model.version, "", ""};
  for (auto& [id, watched] : rollouts_) {
    const Rollout& rollout = watched.rollout;
    if (rollout.channel != report.channel || rollout.family != model.family) continue;
    const bool candidate = model.version == rollout.candidate.version;
    // A device whose turn it is but that runs the stable version yet belongs to neither arm.
    if (!candidate &&
        (model.version != rollout.stable.version || InCohort(id, report.device, rollout.percent()))) {
      continue;
    }
    key.rollout = id;
    key.arm = candidate ? "new" : "control";
    WHET_RETURN_IF_ERROR(WriteTally(sql, report, model, watched, candidate));
  }
  minutes[key].Add(model);
  return {};
}

Status Ingest::WriteTally(SqlConnection& sql, const Report& report, const ModelReport& model,
                          Watched& watched, bool candidate) {
  Rollout& rollout = watched.rollout;
  const std::string& stratum = report.arch;
  if (!candidate && rollout.limits.ControlLimit(stratum) == 0) {
    Histogram& latencies = watched.control[stratum];
    if (latencies.Merge(model.latency_ms).ok()) rollout.limits.Learn(stratum, latencies);
    if (const double limit = rollout.limits.ControlLimit(stratum); limit > 0) {
      // Of two replicas that learn one, the first is right.
      WHET_RETURN_IF_ERROR(
          sql.Run("INSERT INTO latency_limits (rollout, stratum, p95_ms) VALUES ($1, $2, $3) "
                  "ON CONFLICT (rollout, stratum) DO NOTHING",
                  {rollout.id, stratum, limit}));
      WHET_RETURN_IF_ERROR(sql.Run(
          "SELECT p95_ms FROM latency_limits WHERE rollout = $1 AND stratum = $2", {rollout.id, stratum},
          [&](const SqlRow& row) { rollout.limits.control_p95_ms[stratum] = row.Real(0); }));
    }
  }
  DeviceTally tally;
  Status bad;
  WHET_RETURN_IF_ERROR(
      sql.Run("SELECT sums FROM tallies WHERE rollout = $1 AND stage = $2 AND device = $3 AND arm = $4",
              {rollout.id, int64_t{static_cast<int>(rollout.stage)}, report.device,
               std::string(candidate ? "new" : "control")},
              [&](const SqlRow& row) {
                auto old = UnpackTally(row.Bytes(0));
                if (old.ok()) {
                  tally = *old;
                } else {
                  bad = old.TakeStatus();
                }
              }));
  WHET_RETURN_IF_ERROR(std::move(bad));
  tally.Add(model, candidate ? rollout.limits.CandidateLimit(stratum, rollout.policy.latency_p95)
                             : rollout.limits.ControlLimit(stratum));
  // A device that changes arms within a stage (a rollback by hand on the device) counts with its last.
  return sql.Run(
      "INSERT INTO tallies (rollout, stage, device, arm, sums) VALUES ($1, $2, $3, $4, $5) "
      "ON CONFLICT (rollout, stage, device) DO UPDATE SET arm = excluded.arm, sums = excluded.sums",
      {rollout.id, int64_t{static_cast<int>(rollout.stage)}, report.device,
       std::string(candidate ? "new" : "control"), Blob{PackTally(tally)}});
}

Status Ingest::WriteMinutes(SqlConnection& sql, const Minutes& minutes) {
  for (const auto& [key, sums] : minutes) {
    MinuteSums all = sums;
    Status bad;
    WHET_RETURN_IF_ERROR(sql.Run(
        "SELECT sums FROM minutes WHERE minute = $1 AND family = $2 AND version = $3 AND rollout = $4 AND "
        "arm = $5 "
        "AND writer = $6",
        {key.minute, key.family, key.version, key.rollout, key.arm, options_.writer}, [&](const SqlRow& row) {
          auto old = UnpackMinute(row.Bytes(0));
          if (old.ok()) {
            all.Add(*old);
          } else {
            bad = old.TakeStatus();
          }
        }));
    WHET_RETURN_IF_ERROR(std::move(bad));
    WHET_RETURN_IF_ERROR(sql.Run(
        "INSERT INTO minutes (minute, family, version, rollout, arm, writer, sums) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) "
        "ON CONFLICT (minute, family, version, rollout, arm, writer) DO UPDATE SET sums = excluded.sums",
        {key.minute, key.family, key.version, key.rollout, key.arm, options_.writer, Blob{PackMinute(all)}}));
  }
  return {};
}

}  // namespace whet::fleet
