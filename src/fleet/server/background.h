// What the server does without being asked: evaluates rollouts, publishes, keeps the repository's metadata
// from expiring, tells listeners what changed, drops what is old. Of several replicas, the one that holds the
// lease does all but the telling.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/status.h"
#include "fleet/server/context.h"

namespace whet::fleet {

class Background {
 public:
  // `context` must outlive this.
  Background(ServerContext& context, std::string holder);
  ~Background();

 private:
  void Loop();
  void Tick();
  Result<bool> HoldLease(int64_t now);
  void EvaluateAll();
  Status Evaluate(const std::string& id);
  void TellChanges();
  // Logs an error unless it was the last one logged for the same job.
  void Report(const char* job, const Status& status);

  ServerContext& context_;
  const std::string holder_;
  std::map<std::string, std::string> reported_;           // last error by job
  std::map<std::string, std::string, std::less<>> told_;  // what listeners know of each rollout
  int64_t next_gate_ms_ = 0;
  int64_t next_refresh_s_ = 0;
  int64_t next_retention_s_ = 0;
  int64_t next_overview_s_ = 0;
  bool had_listeners_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace whet::fleet
