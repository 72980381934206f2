// What the agent keeps of a release beside its model: the budgets it promises, and what the self-test
// measured.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "agent/monitor/monitor.h"
#include "agent/update/updater.h"

namespace whet::agent {

inline constexpr char kAgentVersion[] = WHET_VERSION;

// Of the release.json in a slot; without budgets if it cannot be read.
ModelPromise ReadPromise(const std::string& slot_folder);
// Arena and weights, as far as the self-test has measured them; 0 if it is not known.
uint64_t ReadMemoryBytes(const CurrentModel& model);

// Lets another worker work, notes what the self-test measured in the slot, and tells of both.
class RecordingWorker : public Worker {
 public:
  using Log = std::function<void(const std::string& text)>;

  RecordingWorker(Worker& worker, Log log) : worker_(worker), log_(std::move(log)) {}
  Result<FetchReport> Fetch(const FetchJob& job) override;
  Result<SelfTestReport> SelfTest(const SelfTestJob& job) override;

 private:
  Worker& worker_;
  Log log_;
};

}  // namespace whet::agent
