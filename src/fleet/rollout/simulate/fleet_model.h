// What simulated devices do: plain probabilities, the same for the fast and the exact simulation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace whet::fleet {

// The fleet as it is, and how the candidate differs. All devices are independent given their class; time goes
// in steps of one report. A device is online or not (a Markov chain; offline it neither updates nor reports),
// and may die, which is silence for ever.
struct FleetModel {
  uint64_t devices = 1'000'000;
  int64_t report_s = 1200;

  // Three kinds of hardware (half, a third and a sixth of the fleet), each 1.6 times slower and with twice
  // the crashes of the one before, five degrees of speed within each, three of activity, and two of readiness
  // to update.
  double latency_ms = 12;          // median on the fastest hardware
  double latency_sigma = 0.25;     // of the logarithm, from inference to inference
  double device_sigma = 0.2;       // of the logarithm, from device to device
  double daily_swing = 0.1;        // latencies rise and fall by this share over a day, for all alike
  double inferences = 40;          // per report, on average
  double crash_rate = 0.01;        // share of reports that tell of a crash
  double error_rate = 0.001;       // share of inferences
  double degraded = 0;             // share of devices that say they are, whatever they run
  double install_failure = 0.005;  // share of installations
  double go_offline = 0.01;        // per report
  double come_back = 0.15;         // per report's time
  double die = 0.00001;            // per report
  double adopt = 0.4;              // chance to update when online, per report
  double slow_share = 0.2;         // of devices that wait for a charger or a window …
  double slow_adopt = 0.02;        // … and update with this chance

  // The candidate.
  double crash_rise = 0;      // added to the crash rate
  double latency_factor = 1;  // on every latency
  double error_rise = 0;
  double degraded_rise = 0;  // share of the other devices that say so once they have installed it
  double install_rise = 0;
  double silence = 0;  // share of devices that are never heard of again once they have installed it
};

// Every probability in [0, 1], sizes within limits (16 million devices, 1000 inferences per report).
Status CheckFleetModel(const FleetModel& model);

// Devices that do not differ; they stand one after the other.
struct DeviceClass {
  size_t hardware = 0;
  uint64_t count = 0;
  double log_latency = 0;   // mean of the logarithm of the latency in ms
  uint32_t inferences = 0;  // per report
  double crash = 0;
  double adopt = 0;
};

inline constexpr size_t kHardwareKinds = 3;
std::string HardwareName(size_t hardware);

// Their counts add up to model.devices.
std::vector<DeviceClass> DeviceClasses(const FleetModel& model);

// What all latencies are multiplied with at a time of the day.
double DailyFactor(const FleetModel& model, int64_t seconds);

}  // namespace whet::fleet
