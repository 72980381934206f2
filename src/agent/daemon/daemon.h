// The agent: polls the repository, updates the families of this device one after the other, watches trials,
// keeps the applications informed, and spools what it has to report.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/local_api/routes.h"
#include "agent/monitor/monitor.h"
#include "agent/monitor/spool.h"
#include "agent/process/process_worker.h"
#include "agent/update/updater.h"
#include "fleet/http/server.h"

namespace whet::agent {

class Daemon {
 public:
  // Takes the lock of the state folder, so that there is one agent on it, recovers every family, and opens
  // the local API. `worker` starts the child process that serves one job.
  static Result<std::unique_ptr<Daemon>> Start(const Config& config, std::vector<std::string> worker);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Until `stop`, which a signal handler may set.
  void Run(const std::atomic<bool>& stop);
  // One poll, the updates that it brings, and their trials; then a report. The first error, if any.
  Status Once(const std::atomic<bool>& stop);

 private:
  using Clock = std::chrono::steady_clock;

  struct Family {
    std::string name;
    std::optional<Updater> updater;
    std::optional<Offer> offer;
    std::string refused;  // why there is no offer
    std::string waiting;  // why the offer is not installed
    std::optional<Notice> published;
    std::optional<ModelKey> current;
    std::optional<ModelKey> shadow;
    double held_s = 0;  // that a trial waits for inferences beyond its time
    int failures = 0;   // of updates, in a row
    Clock::time_point retry_at;
    bool in_update = false;
  };

  explicit Daemon(const Config& config, std::vector<std::string> worker);
  Status Open();
  // What must not wait, whatever else goes on: trials, crashes, notices. Also called while a child runs.
  void Tick();
  void WatchTrial(Family& family, double seconds);
  Status Poll();
  // The updates that are due; the first error.
  Status InstallOffers();
  Status Install(Family& family);
  void Sync(Family& family);
  void Report();
  void Send();
  void OnUpdate(const std::string& family, const UpdateEvent& event);
  void Log(const std::string& text);
  void UpdateStatus();
  std::optional<ModelKey> Use(const Family& family, const CurrentModel& model, bool active);
  double Jittered(double seconds);
  bool Watching() const;

  Config config_;
  std::string boot_;
  int lock_ = -1;
  const std::atomic<bool>* stop_ = nullptr;
  ProcessWorker worker_;
  Monitor monitor_;
  Board board_;
  Applications applications_;
  std::unique_ptr<Spool> spool_;
  std::vector<std::unique_ptr<Family>> families_;
  LocalApi api_;
  std::unique_ptr<fleet::HttpServer> server_;
  std::unique_ptr<fleet::HttpServer> metrics_server_;

  std::mt19937_64 random_;
  Clock::time_point last_tick_;
  Clock::time_point next_poll_;
  Clock::time_point next_report_;
  Clock::time_point next_send_;
  int send_failures_ = 0;
  uint64_t report_start_ns_ = 0;
  std::string power_;         // of the last poll
  bool have_offers_ = false;  // of this run
  std::string poll_error_;
  int64_t last_poll_unix_s_ = 0;

  std::mutex mutex_;  // of what follows: the local API's threads use it
  std::condition_variable wake_;
  bool check_now_ = false;
  std::string status_json_;
  std::deque<std::string> events_;  // the last ones, for the status
};

}  // namespace whet::agent
