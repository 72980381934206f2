#include "fleet/rollout/simulate/fleet_model.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace whet::fleet {

Status CheckFleetModel(const FleetModel& model) {
  if (model.devices == 0 || model.devices > 16'000'000) {
    return Error(Code::kInvalidArgument, "a simulated fleet has 1 to 16000000 devices, not %llu",
                 static_cast<unsigned long long>(model.devices));
  }
  if (model.report_s < 1 || model.report_s > 86400) {
    return Error(Code::kInvalidArgument, "devices report every 1 to 86400 s, not every %lld s",
                 static_cast<long long>(model.report_s));
  }
  const struct {
    const char* name;
    double value;
    double most;
  } numbers[] = {
      {"latency", model.latency_ms, 1e6},
      {"spread of latencies", model.latency_sigma, 2},
      {"spread between devices", model.device_sigma, 2},
      {"daily swing", model.daily_swing, 0.9},
      {"number of inferences per report", model.inferences, 1000},
      {"crash rate", model.crash_rate, 1},
      {"crash rate of the candidate", model.crash_rate + model.crash_rise, 1},
      {"error rate", model.error_rate, 1},
      {"error rate of the candidate", model.error_rate + model.error_rise, 1},
      {"share of degraded devices", model.degraded, 1},
      {"share of devices that the candidate degrades", model.degraded_rise, 1},
      {"rate of failed installations", model.install_failure, 1},
      {"candidate's rate of failed installations", model.install_failure + model.install_rise, 1},
      {"chance to go offline", model.go_offline, 1},
      {"chance to come back", model.come_back, 1},
      {"chance to die", model.die, 1},
      {"chance to update", model.adopt, 1},
      {"share of slow devices", model.slow_share, 1},
      {"slow devices' chance to update", model.slow_adopt, 1},
      {"factor on latencies", model.latency_factor, 100},
      {"share of silenced devices", model.silence, 1},
  };
  for (const auto& number : numbers) {
    if (!(number.value >= 0 && number.value <= number.most)) {
      return Error(Code::kInvalidArgument, "the %s of a simulated fleet is %g, but 0 to %g is possible",
                   number.name, number.value, number.most);
    }
  }
  if (!(model.latency_ms > 0 && model.latency_factor > 0 && model.inferences >= 1)) {
    return Error(Code::kInvalidArgument,
                 "a simulated fleet needs a latency, a factor on it and inferences above zero");
  }
  return {};
}

std::string HardwareName(size_t hardware) {
  return "hardware-" + std::string(1, static_cast<char>('a' + hardware));
}

std::vector<DeviceClass> DeviceClasses(const FleetModel& model) {
  constexpr double kHardware[kHardwareKinds] = {1.0 / 2, 1.0 / 3, 1.0 / 6};
  constexpr double kCrashes[kHardwareKinds] = {0.6, 1.2, 1.8};  // of the mean, which they keep
  // Means of the five fifths of a normal distribution, scaled to a standard deviation of 1.
  constexpr double kSpeed[] = {-1.478, -0.5616, 0, 0.5616, 1.478};
  constexpr double kActivity[][2] = {{0.3, 0.4}, {0.5, 1}, {0.2, 1.9}};  // share, of the mean
  std::vector<DeviceClass> classes;
  double before = 0;
  uint64_t given = 0;
  for (size_t hardware = 0; hardware < kHardwareKinds; ++hardware) {
    for (const double speed : kSpeed) {
      for (const auto& [activity_share, activity] : kActivity) {
        for (const bool slow : {false, true}) {
          DeviceClass device;
          before += kHardware[hardware] / std::size(kSpeed) * activity_share *
                    (slow ? model.slow_share : 1 - model.slow_share);
          const auto until = static_cast<uint64_t>(std::llround(before * static_cast<double>(model.devices)));
          device.hardware = hardware;
          device.count = std::min(until, model.devices) - given;
          given += device.count;
          device.log_latency = std::log(model.latency_ms) + static_cast<double>(hardware) * std::log(1.6) +
                               model.device_sigma * speed;
          device.inferences = static_cast<uint32_t>(std::max(1.0, std::round(model.inferences * activity)));
          device.crash = std::min(1.0, model.crash_rate * kCrashes[hardware]);
          device.adopt = slow ? model.slow_adopt : model.adopt;
          classes.push_back(device);
        }
      }
    }
  }
  classes.back().count += model.devices - given;
  return classes;
}

double DailyFactor(const FleetModel& model, int64_t seconds) {
  return 1 +
         model.daily_swing * std::sin(2 * std::numbers::pi * static_cast<double>(seconds % 86400) / 86400);
}

}  // namespace whet::fleet
