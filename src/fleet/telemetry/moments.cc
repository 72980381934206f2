#include "fleet/telemetry/moments.h"

#include <algorithm>

namespace whet::fleet {

double StandardizedShift(const Moments& seen, double reference_mean, double reference_std) {
  if (seen.count() == 0) return 0;
  const double shift = std::abs(seen.mean() - reference_mean);
  if (shift == 0) return 0;
  if (!(reference_std > 0)) return kMaxDrift;
  return std::min(shift / reference_std, kMaxDrift);
}

Result<DriftMonitor> DriftMonitor::Create(std::vector<double> means, std::vector<double> stds) {
  if (means.size() != stds.size()) {
    return Error(Code::kInvalidArgument, "the reference has %zu means but %zu standard deviations",
                 means.size(), stds.size());
  }
  for (size_t i = 0; i < means.size(); ++i) {
    if (!std::isfinite(means[i]) || !std::isfinite(stds[i]) || stds[i] < 0) {
      return Error(Code::kInvalidArgument,
                   "entry %zu of the reference is not a mean and a standard deviation", i);
    }
  }
  DriftMonitor monitor;
  monitor.seen_.resize(means.size());
  monitor.means_ = std::move(means);
  monitor.stds_ = std::move(stds);
  return monitor;
}

double DriftMonitor::Drift() const {
  double largest = 0;
  for (size_t i = 0; i < seen_.size(); ++i) {
    largest = std::max(largest, StandardizedShift(seen_[i], means_[i], stds_[i]));
  }
  return largest;
}

}  // namespace whet::fleet
