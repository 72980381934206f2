// Takes reports into the database. One thread writes: it puts all that wait into one transaction and calls
// back only when that is committed, so what was acknowledged is there whatever happens next, and one flush of
// the disk serves hundreds of devices.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "fleet/rollout/rollout.h"
#include "fleet/server/sql.h"
#include "fleet/server/sums.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {

struct IngestOptions {
  size_t max_waiting = 20000;  // reports in memory; more are refused
  size_t max_batch = 1000;     // reports in one transaction
  // Tells this process's sums from those of other replicas, so that they never wait for each other's rows.
  std::string writer;
  std::function<int64_t()> clock;  // seconds since 1970; the system's if empty
};

class Ingest {
 public:
  // `database` must be migrated and outlive this.
  static std::unique_ptr<Ingest> Start(SqlDatabase& database, IngestOptions options);
  ~Ingest();  // writes what waits

  // `done` is called from the writer's thread: true when the report is on the disk, false when it had been
  // taken before; kIo when the database failed (the device sends it again). kLimitExceeded, at once, when too
  // many wait.
  using Done = std::function<void(Result<bool> taken)>;
  void Add(Report report, Done done);

  uint64_t taken() const { return taken_; }
  uint64_t duplicates() const { return duplicates_; }
  uint64_t failed() const { return failed_; }
  uint64_t batches() const { return batches_; }

 private:
  struct Item {
    Report report;
    Done done;
    bool taken = false;
  };
  struct MinuteKey {
    int64_t minute;
    std::string family, version, rollout, arm;
    auto operator<=>(const MinuteKey&) const = default;
  };
  using Minutes = std::map<MinuteKey, MinuteSums>;
  struct Watched {  // a rollout that goes on
    uint64_t sequence = 0;
    Rollout rollout;
    std::map<std::string, Histogram> control;  // by stratum, until it is enough for a limit
  };

  Ingest(SqlDatabase& database, IngestOptions options) : database_(database), options_(std::move(options)) {}
  void WriteLoop();
  void WriteBatch(std::vector<Item>& batch);
  Status WriteAll(SqlConnection& sql, std::vector<Item*>& items);
  Status LoadRollouts(SqlConnection& sql);
  Status WriteReport(SqlConnection& sql, Item& item, int64_t now, Minutes& minutes);
  Status WriteModel(SqlConnection& sql, const Report& report, const ModelReport& model, int64_t now,
                    Minutes& minutes);
  Status WriteTally(SqlConnection& sql, const Report& report, const ModelReport& model, Watched& watched,
                    bool candidate);
  Status Event(SqlConnection& sql, const Report& report, int64_t now, std::string kind,
               const ModelReport& model, std::string detail);
  Status WriteMinutes(SqlConnection& sql, const Minutes& minutes);
  int64_t Now() const;

  SqlDatabase& database_;
  const IngestOptions options_;
  std::map<std::string, Watched, std::less<>> rollouts_;  // by id; the writer's thread only
  int64_t partitions_day_ = -1;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Item> waiting_;
  bool stop_ = false;
  std::atomic<uint64_t> taken_ = 0, duplicates_ = 0, failed_ = 0, batches_ = 0;
  std::thread writer_;
};

}  // namespace whet::fleet
