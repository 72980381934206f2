// Many rollouts of one policy over simulated fleets: does it halt what it should, and only that?
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "fleet/rollout/rollout.h"
#include "fleet/rollout/simulate/fleet_model.h"

namespace whet::fleet {

struct SimulationOptions {
  FleetModel model;
  Policy policy;
  uint64_t seed = 1;
  uint64_t runs = 1;
  int threads = 1;
  int64_t most_s = 7 * 24 * 3600;  // a rollout that is not over by then is given up
  bool exact = false;              // MakeExactFleet
  // Called after each run, from any thread, one at a time; may be empty.
  std::function<void()> progress;
};

struct RunOutcome {
  RolloutState state = RolloutState::kRunning;  // kRunning: given up
  size_t stage = 0;                             // the last
  int64_t seconds = 0;                          // from the start to the end
  uint64_t installed = 0;                       // devices that ever had the candidate
  std::string halted_by;                        // the first metric that failed
};

struct SimulationResult {
  std::vector<RunOutcome> runs;
  // The last gate of the first run, with its reasons.
  Gate example;
  // By how many points the stages' cohorts missed their percentage, at most, over all rollout ids used; by
  // stage.
  std::vector<double> cohort_error_points;
  uint64_t rollout_ids = 0;
};

// Run i depends on the options and seed + i only, not on the number of threads. Up to 16 rollout ids have
// their cohorts computed with the real Cohort; more runs use them again, over fleets drawn anew and turned by
// a random number.
Result<SimulationResult> Simulate(const SimulationOptions& options);

}  // namespace whet::fleet
