// The agent's Worker and its network, done by child processes: what parses the network's bytes or runs a new
// model may crash or hang without taking the agent along, and its memory is gone when it ends.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/process/jobs.h"
#include "agent/update/updater.h"

namespace whet::agent {

class ProcessWorker : public Worker {
 public:
  // `command` starts a process that serves one job (worker/worker.h). `waiting` is called about ten times a
  // second while one runs; true ends it.
  ProcessWorker(std::vector<std::string> command, const Config& config, std::function<bool()> waiting);

  // `first`: even if nothing is new.
  Result<RefreshReport> Refresh(const std::string& power, bool first);
  Result<SendReport> Send();
  Result<FetchReport> Fetch(const FetchJob& job) override;
  Result<SelfTestReport> SelfTest(const SelfTestJob& job) override;
  // How long the server asked to be left alone when the last Refresh or Fetch failed; 0 if it did not.
  double retry_after_s() const { return retry_after_s_; }

 private:
  Result<std::string> Run(const std::string& input, double deadline_s) const;
  RepositoryAccess Access() const;

  std::vector<std::string> command_;
  Config config_;
  std::function<bool()> waiting_;
  double retry_after_s_ = 0;
};

std::string SpoolPath(const Config& config);

}  // namespace whet::agent
