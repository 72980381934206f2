// The two arms of a rollout's stage: devices that run the candidate, and devices of the control, which run
// the stable version in the same time. Only sums over devices are kept, so that a million devices cost a few
// numbers, a database can make them (SUM and GROUP BY), and arms can be added.
//
// The unit is always the device: what one device says a thousand times is still one device's word. The sums
// are those of a ratio estimator with devices as clusters (Cochran, "Sampling Techniques", 3rd ed., chapters
// 6 and 9).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "fleet/telemetry/histogram.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {

// Of devices i with y_i (what is counted) out of n_i (what it is counted of), those with n_i = 0 left out.
struct RatioSums {
  double devices = 0;
  double y = 0, n = 0;
  double yy = 0, yn = 0, nn = 0;  // sums of y_i^2, y_i n_i, n_i^2

  // `sign` -1 takes out again what was added.
  void Add(double yi, double ni, double sign = 1) {
    if (!(ni > 0)) return;
    devices += sign;
    y += sign * yi;
    n += sign * ni;
    yy += sign * yi * yi;
    yn += sign * yi * ni;
    nn += sign * ni * ni;
  }
  void Add(const RatioSums& other) {
    devices += other.devices;
    y += other.y;
    n += other.n;
    yy += other.yy;
    yn += other.yn;
    nn += other.nn;
  }
  double ratio() const { return n > 0 ? y / n : 0; }
};

// What is known of one device in its arm since the stage began.
struct DeviceTally {
  bool tried_install = false;   // any outcome
  bool install_failed = false;  // any outcome but "installed"
  uint64_t reports = 0;         // about the arm's version
  uint64_t crash_reports = 0;   // of these, that tell of a crash
  uint64_t crashes = 0;
  uint64_t inferences = 0;  // failed ones included
  uint64_t errors = 0;
  double timed = 0;  // latencies that were held against a limit
  double slow = 0;   // of these, above the limit
  double labelled_total = 0;
  double labelled_correct = 0;
  double confidences = 0;
  double confidence_sum = 0;
  double energy_mj = 0;
  double energy_inferences = 0;
  bool watched = false;   // it spoke shortly before the stage began, so its silence means something
  bool dark = false;      // watched, and silent for longer than the policy's silence_s
  bool degraded = false;  // it says so of the arm's version

  // Ill by its own word, whatever others say: it reports, and is degraded or has told of crashes so often (0:
  // crashes do not matter).
  bool IsSick(uint64_t sick_crashes) const {
    return reports > 0 && (degraded || (sick_crashes > 0 && crash_reports >= sick_crashes));
  }

  // Adds one report about the arm's version. `limit_ms` is the stratum's limit of this arm (LatencyLimits); 0
  // if there is none yet, and the latencies are not judged then.
  void Add(const ModelReport& report, double limit_ms);
};

// One arm's devices of one stratum (a kind of hardware).
struct ArmSums {
  double devices = 0;  // that reported, tried to install or are watched
  double crashes = 0;
  RatioSums installs;  // failed of tried, 0 or 1 per device
  RatioSums crash;     // reports with a crash of reports
  RatioSums error;     // of inferences
  RatioSums slow;      // of timed latencies
  RatioSums wrong;     // labelled answers
  RatioSums doubt;     // 1 - confidence, of answers
  RatioSums energy;    // mJ of inferences
  RatioSums dark;      // 0 or 1 per watched device
  double sick = 0;     // devices; counted by who knows the policy

  // `sign` -1 takes out a tally that was added: with it a report costs O(1).
  void Add(const DeviceTally& tally, double sign = 1);
  void Add(const ArmSums& other);
};

struct Arm {
  // By stratum: the architecture and model of the hardware, or whatever divides devices that differ from the
  // start.
  std::map<std::string, ArmSums> strata;
  Histogram latency_ms;  // of all strata, for p50 and p95 to show; the test does not use it

  ArmSums Total() const;
};

// The limits above which a latency counts as slow. Fixed once per stage and stratum, from the control's
// latencies just before (or of its first ones): the control counts those above its p95, the candidate those
// above p95 * (1 + margin).
struct LatencyLimits {
  static constexpr uint64_t kMinimumLatencies = 200;

  std::map<std::string, double> control_p95_ms;  // by stratum

  // Sets the stratum's limit if it has none and `control` holds kMinimumLatencies.
  void Learn(const std::string& stratum, const Histogram& control);
  // 0 if there is none.
  double ControlLimit(const std::string& stratum) const;
  double CandidateLimit(const std::string& stratum, double margin) const {
    return ControlLimit(stratum) * (1 + margin);
  }
};

}  // namespace whet::fleet
