#include <algorithm>
#include <cmath>
#include <numbers>

#include "fleet/rollout/simulate/random.h"
#include "fleet/rollout/simulate/simulated_fleet.h"

namespace whet::fleet {
namespace {

enum Flag : uint8_t {
  kOnline = 1,
  kDead = 2,
  kInstalled = 4,
  kFailed = 8,  // to install: it stays with the stable version
  kWatched = 16,
  kTriedNow = 32,  // in this stage
  kFailedNow = 64,
  kDegraded = 128,
};

struct Device {
  uint32_t slow = 0;
  uint32_t errors = 0;
  uint16_t last_seen = 0;  // step
  uint16_t reports = 0;
  uint16_t crashes = 0;
  uint8_t first_stage = 0;
  uint8_t flags = 0;
};
static_assert(sizeof(Device) == 16);

// Sums over the devices of one class and arm, of what they have counted since the stage began. All of them
// have the same number of inferences per report.
struct ClassSums {
  uint64_t devices = 0, reports = 0, reports2 = 0;
  uint64_t crashes = 0, crashes2 = 0, crashes_reports = 0;
  uint64_t slow = 0, slow2 = 0, slow_reports = 0;
  uint64_t errors = 0, errors2 = 0, errors_reports = 0;
  uint64_t watched = 0, dark = 0, tried = 0, failed = 0;
  uint64_t sick = 0;

  // Of a device that reports; `sick_crashes` is the policy's.
  void AddDevice(const Device& d, uint64_t sick_crashes) {
    const uint64_t r = d.reports;
    ++devices;
    sick += (d.flags & kDegraded) != 0 || (sick_crashes > 0 && d.crashes >= sick_crashes) ? 1 : 0;
    reports += r;
    reports2 += r * r;
    crashes += d.crashes;
    crashes2 += uint64_t{d.crashes} * d.crashes;
    crashes_reports += d.crashes * r;
    slow += d.slow;
    slow2 += uint64_t{d.slow} * d.slow;
    slow_reports += d.slow * r;
    errors += d.errors;
    errors2 += uint64_t{d.errors} * d.errors;
    errors_reports += d.errors * r;
  }

  // The same as if ArmSums::Add had been given every device's tally.
  void AddTo(ArmSums& arm, double inferences, bool timed) const {
    const auto n = static_cast<double>(devices);
    const auto r = static_cast<double>(reports);
    const auto rr = static_cast<double>(reports2);
    arm.devices += n;
    arm.crashes += static_cast<double>(crashes);
    arm.sick += static_cast<double>(sick);
    arm.crash.Add(RatioSums{n, static_cast<double>(crashes), r, static_cast<double>(crashes2),
                            static_cast<double>(crashes_reports), rr});
    arm.error.Add(RatioSums{n, static_cast<double>(errors), r * inferences, static_cast<double>(errors2),
                            static_cast<double>(errors_reports) * inferences, rr * inferences * inferences});
    if (timed) {
      arm.slow.Add(RatioSums{n, static_cast<double>(slow), r * inferences, static_cast<double>(slow2),
                             static_cast<double>(slow_reports) * inferences, rr * inferences * inferences});
    }
    const auto once = [](RatioSums& sums, uint64_t y, uint64_t of) {
      const auto yes = static_cast<double>(y);
      const auto all = static_cast<double>(of);
      sums.Add(RatioSums{all, yes, all, yes, yes, all});
    };
    once(arm.installs, failed, tried);
    once(arm.dark, dark, watched);
  }
};

// The chance that a latency is above `limit`.
double Above(double log_mean, double sigma, double limit) {
  if (!(limit > 0)) return 0;
  const double distance = std::log(limit) - log_mean;
  if (!(sigma > 0)) return distance < 0 ? 1 : 0;
  return 0.5 * std::erfc(distance / (sigma * std::numbers::sqrt2));
}

class FastFleet final : public SimulatedFleet {
 public:
  explicit FastFleet(const FleetSetup& setup)
      : model_(setup.model),
        policy_(setup.policy),
        classes_(DeviceClasses(setup.model)),
        random_(setup.seed) {
    devices_.resize(model_.devices);
    const double online =
        model_.come_back > 0 ? model_.come_back / (model_.come_back + model_.go_offline) : 1;
    const uint64_t threshold = Threshold(online);
    const std::vector<uint8_t>& first = *setup.first_stages;
    size_t at = setup.rotation % first.size();
    for (Device& device : devices_) {
      device.first_stage = first[at];
      if (++at == first.size()) at = 0;
      if ((random_() >> 32) < threshold) device.flags = kOnline;
      if (model_.degraded > 0 && (random_() >> 32) < Threshold(model_.degraded)) device.flags |= kDegraded;
    }
    clock_s_ = static_cast<int64_t>(random_() % 86400);
    silence_steps_ = static_cast<uint64_t>((policy_.silence_s + model_.report_s - 1) / model_.report_s);
    candidate_.resize(classes_.size());
    control_.resize(classes_.size());
  }

  void BeginStage(size_t stage) override {
    stage_ = stage;
    begins_ = true;
    limits_ = {};
    for (size_t hardware = 0; hardware < kHardwareKinds; ++hardware) LearnLimit(hardware);
  }

  void Step() override {
    ++step_;
    clock_s_ += model_.report_s;
    Device* device = devices_.data();
    for (size_t i = 0; i < classes_.size(); ++i) {
      StepClass(i, device, device + classes_[i].count);
      device += classes_[i].count;
    }
    begins_ = false;
  }

  GateInput Look() const override {
    GateInput input;
    for (size_t i = 0; i < classes_.size(); ++i) {
      const std::string name = HardwareName(classes_[i].hardware);
      const bool timed = limits_.ControlLimit(name) > 0;
      candidate_[i].AddTo(input.candidate.strata[name], classes_[i].inferences, timed);
      control_[i].AddTo(input.control.strata[name], classes_[i].inferences, timed);
    }
    input.cohort_devices = assigned_;
    return input;
  }

  uint64_t installed() const override { return installed_; }

 private:
  // What the control's devices that are online report of the last report's time: the sum of many independent
  // latencies per class, so the counts of its histogram's buckets are drawn directly.
  void LearnLimit(size_t hardware) {
    constexpr int kScale = 5;
    constexpr double kSpread = 5;  // standard deviations: beyond, one latency in two million
    Histogram seen;
    const Device* device = devices_.data();
    for (const DeviceClass& of : classes_) {
      const Device* end = device + of.count;
      uint64_t online = 0;
      if (of.hardware == hardware) {
        for (const Device* d = device; d != end; ++d)
          online += (d->flags & (kOnline | kDead)) == kOnline && IsControl(*d);
      }
      device = end;
      if (online == 0) continue;
      const double mean = of.log_latency + std::log(DailyFactor(model_, clock_s_));
      const double per_log2 = std::exp2(kScale) / std::numbers::ln2;
      const auto low = static_cast<int32_t>(std::floor((mean - kSpread * model_.latency_sigma) * per_log2));
      const auto high = static_cast<int32_t>(std::floor((mean + kSpread * model_.latency_sigma) * per_log2));
      Histogram::Parts parts;
      parts.scale = kScale;
      parts.offset = low;
      parts.has_min_max = false;
      uint64_t left = online * of.inferences;
      parts.count = left;
      double above = 1;
      for (int32_t bucket = low; bucket <= high; ++bucket) {
        const double next =
            bucket == high ? 0 : Above(mean, model_.latency_sigma, std::exp((bucket + 1) / per_log2));
        const uint64_t here =
            bucket == high ? left : Binomial(random_, left, above > 0 ? 1 - next / above : 1);
        parts.buckets.push_back(here);
        parts.sum += static_cast<double>(here) * std::exp((bucket + 0.5) / per_log2);
        left -= here;
        above = next;
      }
      if (auto histogram = Histogram::FromParts(parts); histogram.ok())
        static_cast<void>(seen.Merge(*histogram).ok());
    }
    limits_.Learn(HardwareName(hardware), seen);
  }

  bool IsControl(const Device& device) const { return device.first_stage > stage_; }

  void StepClass(size_t index, Device* begin, Device* end) {
    const DeviceClass& of = classes_[index];
    const double swing = std::log(DailyFactor(model_, clock_s_));
    const std::string hardware = HardwareName(of.hardware);
    const double sigma = model_.latency_sigma;
    const BinomialTable slow[2] = {
        {of.inferences, Above(of.log_latency + swing, sigma, limits_.ControlLimit(hardware))},
        {of.inferences, Above(of.log_latency + swing + std::log(model_.latency_factor), sigma,
                              limits_.CandidateLimit(hardware, policy_.latency_p95))}};
    const BinomialTable errors[2] = {{of.inferences, model_.error_rate},
                                     {of.inferences, model_.error_rate + model_.error_rise}};
    const uint64_t crash[2] = {Threshold(of.crash), Threshold(std::min(1.0, of.crash + model_.crash_rise))};
    const uint64_t go_offline = Threshold(model_.go_offline);
    const uint64_t come_back = Threshold(model_.come_back);
    const uint64_t die = Threshold(model_.die);
    const uint64_t adopt = Threshold(of.adopt);
    const uint64_t fail = Threshold(std::min(1.0, model_.install_failure + model_.install_rise));
    const uint64_t silence = Threshold(model_.silence);
    const uint64_t degrade = Threshold(model_.degraded_rise);
    ClassSums arms[2];
    SplitMix random = random_;
    uint64_t assigned_devices = 0;
    for (Device* d = begin; d != end; ++d) {
      uint8_t flags = d->flags;
      if (begins_) {
        d->slow = d->errors = 0;
        d->reports = d->crashes = 0;
        const bool watched = (flags & kDead) == 0 && step_ - 1 - d->last_seen <= silence_steps_;
        flags =
            static_cast<uint8_t>((flags & ~(kWatched | kTriedNow | kFailedNow)) | (watched ? kWatched : 0));
      }
      const bool control = IsControl(*d);
      assigned_devices += control ? 0 : 1;
      const uint64_t fate = random();
      if ((flags & kOnline) != 0) {
        if (static_cast<uint32_t>(fate) < go_offline) flags &= static_cast<uint8_t>(~kOnline);
      } else if (static_cast<uint32_t>(fate) < come_back) {
        flags |= kOnline;
      }
      if ((fate >> 32) < die) flags |= kDead;
      if ((flags & (kOnline | kDead)) == kOnline) {
        d->last_seen = static_cast<uint16_t>(step_);
        if (!control && (flags & (kInstalled | kFailed)) == 0) {
          const uint64_t chance = random();
          if (static_cast<uint32_t>(chance) < adopt) {
            flags |= kTriedNow;
            if ((chance >> 32) < fail) {
              flags |= kFailed | kFailedNow;
            } else {
              flags |= kInstalled;
              ++installed_;
              if (silence > 0 && (random() >> 32) < silence) flags |= kDead;
              if (degrade > 0 && (random() >> 32) < degrade) flags |= kDegraded;
            }
          }
        }
        if ((control || (flags & kInstalled) != 0) && (flags & kDead) == 0) {
          const size_t arm = control ? 0 : 1;
          const uint64_t a = random();
          const uint64_t b = random();
          ++d->reports;
          d->crashes = static_cast<uint16_t>(d->crashes + (static_cast<uint32_t>(a) < crash[arm] ? 1 : 0));
          d->slow += slow[arm](static_cast<uint32_t>(a >> 32));
          d->errors += errors[arm](static_cast<uint32_t>(b));
        }
      }
      d->flags = flags;
      ClassSums& sums = arms[control ? 0 : 1];
      if (d->reports > 0) sums.AddDevice(*d, policy_.sick_crashes);
      if ((flags & kWatched) != 0) {
        ++sums.watched;
        sums.dark += step_ - d->last_seen > silence_steps_ ? 1 : 0;
      }
      sums.tried += (flags & kTriedNow) != 0 ? 1 : 0;
      sums.failed += (flags & kFailedNow) != 0 ? 1 : 0;
    }
    random_ = random;
    control_[index] = arms[0];
    candidate_[index] = arms[1];
    if (index == 0) assigned_ = 0;
    assigned_ += assigned_devices;
  }

  FleetModel model_;
  Policy policy_;
  std::vector<DeviceClass> classes_;
  std::vector<Device> devices_;
  std::vector<ClassSums> candidate_;  // by class
  std::vector<ClassSums> control_;
  LatencyLimits limits_;
  SplitMix random_;
  int64_t clock_s_ = 0;
  uint64_t step_ = 0;
  uint64_t silence_steps_ = 1;
  size_t stage_ = 0;
  bool begins_ = true;
  uint64_t assigned_ = 0;
  uint64_t installed_ = 0;
};

}  // namespace

std::unique_ptr<SimulatedFleet> MakeFastFleet(const FleetSetup& setup) {
  return std::make_unique<FastFleet>(setup);
}

}  // namespace whet::fleet
