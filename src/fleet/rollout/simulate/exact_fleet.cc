#include <algorithm>
#include <cmath>
#include <random>

#include "fleet/rollout/simulate/random.h"
#include "fleet/rollout/simulate/simulated_fleet.h"

namespace whet::fleet {
namespace {

struct Device {
  size_t of = 0;  // class
  uint8_t first_stage = 0;
  bool online = false;
  bool dead = false;
  bool installed = false;
  bool failed = false;
  bool degraded = false;
  uint64_t last_seen = 0;  // step
  DeviceTally tally;       // of the present stage
};

class ExactFleet final : public SimulatedFleet {
 public:
  explicit ExactFleet(const FleetSetup& setup)
      : model_(setup.model),
        policy_(setup.policy),
        classes_(DeviceClasses(setup.model)),
        random_(setup.seed) {
    const double online =
        model_.come_back > 0 ? model_.come_back / (model_.come_back + model_.go_offline) : 1;
    const std::vector<uint8_t>& first = *setup.first_stages;
    for (size_t of = 0; of < classes_.size(); ++of) {
      for (uint64_t i = 0; i < classes_[of].count; ++i) {
        Device device;
        device.of = of;
        device.first_stage = first[(devices_.size() + setup.rotation) % first.size()];
        device.online = random_.Uniform() < online;
        device.degraded = Happens(model_.degraded);
        devices_.push_back(std::move(device));
      }
    }
    clock_s_ = static_cast<int64_t>(random_() % 86400);
    silence_steps_ = static_cast<uint64_t>((policy_.silence_s + model_.report_s - 1) / model_.report_s);
  }

  void BeginStage(size_t stage) override {
    stage_ = stage;
    limits_ = {};
    candidate_latency_ = {};
    control_latency_ = {};
    Histogram seen[kHardwareKinds];
    for (Device& device : devices_) {
      device.tally = {};
      device.tally.watched = !device.dead && step_ - device.last_seen <= silence_steps_;
      if (!IsControl(device) || !device.online || device.dead) continue;
      Infer(device, 1, classes_[device.of].inferences, seen[classes_[device.of].hardware]);
    }
    for (size_t i = 0; i < kHardwareKinds; ++i) limits_.Learn(HardwareName(i), seen[i]);
  }

  void Step() override {
    ++step_;
    clock_s_ += model_.report_s;
    for (Device& device : devices_) StepDevice(device);
  }

  GateInput Look() const override {
    GateInput input;
    for (const Device& device : devices_) {
      DeviceTally tally = device.tally;
      tally.dark = tally.watched && step_ - device.last_seen > silence_steps_;
      Arm& arm = IsControl(device) ? input.control : input.candidate;
      ArmSums& sums = arm.strata[HardwareName(classes_[device.of].hardware)];
      sums.Add(tally);
      sums.sick += tally.IsSick(policy_.sick_crashes) ? 1 : 0;
      input.cohort_devices += IsControl(device) ? 0 : 1;
    }
    input.candidate.latency_ms = candidate_latency_;
    input.control.latency_ms = control_latency_;
    return input;
  }

  uint64_t installed() const override { return installed_; }

 private:
  bool IsControl(const Device& device) const { return device.first_stage > stage_; }
  bool Happens(double probability) { return random_.Uniform() < probability; }

  void Infer(const Device& device, double factor, uint64_t times, Histogram& latency) {
    const double mean = classes_[device.of].log_latency + std::log(DailyFactor(model_, clock_s_) * factor);
    std::lognormal_distribution<double> distribution(mean, model_.latency_sigma);
    for (uint64_t i = 0; i < times; ++i) latency.Record(distribution(random_));
  }

  void StepDevice(Device& device) {
    if (Happens(device.online ? model_.go_offline : model_.come_back)) device.online = !device.online;
    if (Happens(model_.die)) device.dead = true;
    if (!device.online || device.dead) return;
    device.last_seen = step_;
    const DeviceClass& of = classes_[device.of];
    const bool control = IsControl(device);
    ModelReport report;
    bool installs = false;
    if (!control && !device.installed && !device.failed && Happens(of.adopt)) {
      installs = true;
      const bool fails = Happens(std::min(1.0, model_.install_failure + model_.install_rise));
      device.failed = fails;
      device.installed = !fails;
      installed_ += fails ? 0 : 1;
      const auto outcome = fails ? InstallOutcome::kFailedSelftest : InstallOutcome::kInstalled;
      report.installs[static_cast<size_t>(outcome)] = 1;
      if (device.installed && Happens(model_.silence)) device.dead = true;
      if (device.installed && Happens(model_.degraded_rise)) device.degraded = true;
    }
    if (device.failed || device.dead) {
      // Its last word: what became of the update.
      if (installs) {
        device.tally.tried_install = true;
        device.tally.install_failed = device.failed;
      }
      return;
    }
    if (!control && !device.installed) return;
    const double error_rate = model_.error_rate + (control ? 0 : model_.error_rise);
    for (uint32_t i = 0; i < of.inferences; ++i) {
      if (Happens(error_rate)) ++report.errors;
    }
    Infer(device, control ? 1 : model_.latency_factor, of.inferences, report.latency_ms);
    if (Happens(std::min(1.0, of.crash + (control ? 0 : model_.crash_rise)))) report.crashes = 1;
    const std::string hardware = HardwareName(of.hardware);
    device.tally.Add(report, control ? limits_.ControlLimit(hardware)
                                     : limits_.CandidateLimit(hardware, policy_.latency_p95));
    device.tally.degraded = device.degraded;
    // In the model an inference that fails has a latency too: the tally counts it twice.
    device.tally.inferences -= report.errors;
    static_cast<void>((control ? control_latency_ : candidate_latency_).Merge(report.latency_ms).ok());
  }

  FleetModel model_;
  Policy policy_;
  std::vector<DeviceClass> classes_;
  std::vector<Device> devices_;
  LatencyLimits limits_;
  Histogram candidate_latency_;
  Histogram control_latency_;
  SplitMix random_;
  int64_t clock_s_ = 0;
  uint64_t step_ = 0;
  uint64_t silence_steps_ = 1;
  size_t stage_ = 0;
  uint64_t installed_ = 0;
};

}  // namespace

std::unique_ptr<SimulatedFleet> MakeExactFleet(const FleetSetup& setup) {
  return std::make_unique<ExactFleet>(setup);
}

}  // namespace whet::fleet
