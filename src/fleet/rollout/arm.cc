#include "fleet/rollout/arm.h"

#include <algorithm>
#include <numeric>

namespace whet::fleet {

void DeviceTally::Add(const ModelReport& report, double limit_ms) {
  const uint64_t failures = report.InstallFailures();
  if (std::accumulate(report.installs.begin(), report.installs.end(), uint64_t{0}) > 0) tried_install = true;
  if (failures > 0) install_failed = true;
  ++reports;
  crash_reports += report.crashes > 0 ? 1 : 0;
  crashes += report.crashes;
  inferences += report.inferences();
  errors += report.errors;
  if (limit_ms > 0) {
    timed += static_cast<double>(report.latency_ms.count());
    slow += report.latency_ms.CountAbove(limit_ms);
  }
  labelled_total += static_cast<double>(report.labelled_total);
  labelled_correct += static_cast<double>(report.labelled_correct);
  confidences += static_cast<double>(report.confidence.count());
  // A bucket's upper end may be a little above 1.
  confidence_sum += std::min(report.confidence.sum(), static_cast<double>(report.confidence.count()));
  if (report.has_energy && report.latency_ms.count() > 0) {
    energy_mj += report.energy_mj;
    energy_inferences += static_cast<double>(report.latency_ms.count());
  }
}

void ArmSums::Add(const DeviceTally& tally, double sign) {
  if (tally.reports > 0 || tally.tried_install || tally.watched) devices += sign;
  crashes += sign * static_cast<double>(tally.crashes);
  installs.Add(tally.install_failed ? 1 : 0, tally.tried_install ? 1 : 0, sign);
  crash.Add(static_cast<double>(tally.crash_reports), static_cast<double>(tally.reports), sign);
  error.Add(static_cast<double>(tally.errors), static_cast<double>(tally.inferences), sign);
  slow.Add(tally.slow, tally.timed, sign);
  wrong.Add(tally.labelled_total - tally.labelled_correct, tally.labelled_total, sign);
  doubt.Add(tally.confidences - tally.confidence_sum, tally.confidences, sign);
  energy.Add(tally.energy_mj, tally.energy_inferences, sign);
  dark.Add(tally.dark ? 1 : 0, tally.watched ? 1 : 0, sign);
}

void ArmSums::Add(const ArmSums& other) {
  devices += other.devices;
  crashes += other.crashes;
  installs.Add(other.installs);
  crash.Add(other.crash);
  error.Add(other.error);
  slow.Add(other.slow);
  wrong.Add(other.wrong);
  doubt.Add(other.doubt);
  energy.Add(other.energy);
  dark.Add(other.dark);
  sick += other.sick;
}

ArmSums Arm::Total() const {
  ArmSums total;
  for (const auto& [name, sums] : strata) total.Add(sums);
  return total;
}

void LatencyLimits::Learn(const std::string& stratum, const Histogram& control) {
  if (control.count() < kMinimumLatencies || control_p95_ms.contains(stratum)) return;
  if (const double p95 = control.Quantile(0.95); p95 > 0) control_p95_ms[stratum] = p95;
}

double LatencyLimits::ControlLimit(const std::string& stratum) const {
  const auto found = control_p95_ms.find(stratum);
  return found == control_p95_ms.end() ? 0 : found->second;
}

}  // namespace whet::fleet
