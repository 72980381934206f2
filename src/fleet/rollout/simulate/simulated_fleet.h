// Fleets that live through a rollout step by step and tell the gate what real devices would.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fleet/rollout/gate.h"
#include "fleet/rollout/simulate/fleet_model.h"

namespace whet::fleet {

// For each device the first of a policy's stages that gives it the candidate, by the real Cohort of its id;
// the number of stages if none does.
std::vector<uint8_t> FirstStages(const std::string& rollout, uint64_t devices,
                                 const std::vector<double>& stages);
std::string SimulatedDeviceId(uint64_t index);

// One fleet in one rollout. Not thread-safe; different fleets are independent.
class SimulatedFleet {
 public:
  virtual ~SimulatedFleet() = default;

  // A stage begins: counting starts anew, the latency limits are learned from the control.
  virtual void BeginStage(size_t stage) = 0;
  // One report's time passes.
  virtual void Step() = 0;
  // What the gate is shown, of the present stage so far. Arms only; the caller fills in the times.
  virtual GateInput Look() const = 0;
  // Devices that have ever installed the candidate.
  virtual uint64_t installed() const = 0;
};

struct FleetSetup {
  FleetModel model;
  Policy policy;
  uint64_t seed = 0;
  // FirstStages of some rollout, as long as the fleet; device i takes entry (i + rotation) mod devices. Must
  // outlive the fleet.
  const std::vector<uint8_t>* first_stages = nullptr;
  uint64_t rotation = 0;
};

// 16 bytes and some 10 ns per device and step: every device is simulated by itself, but its inferences are
// drawn together. How many of its m latencies are above the limit is drawn from the binomial distribution
// with the probability that one of them is, which is the same in distribution.
std::unique_ptr<SimulatedFleet> MakeFastFleet(const FleetSetup& setup);
// Every inference by itself, into the histograms, reports and tallies that real devices and the server use:
// slow, and what the fast one is held against.
std::unique_ptr<SimulatedFleet> MakeExactFleet(const FleetSetup& setup);

}  // namespace whet::fleet
