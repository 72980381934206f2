#include "fleet/telemetry/health.h"

#include <algorithm>
#include <cmath>

namespace whet::fleet {
namespace {

constexpr double kFailed = -1;

}  // namespace

std::string_view HealthName(Health health) {
  switch (health) {
    case Health::kUnknown: return "unknown";
    case Health::kHealthy: return "healthy";
    case Health::kDegraded: return "degraded";
  }
  return "unknown";
}

HealthMonitor::HealthMonitor(const HealthBudget& budget, size_t window)
    : budget_(budget), window_(std::max<size_t>(window, 1)) {
  if (!(budget_.latency_ms_mean > 0)) budget_.latency_ms_mean = HealthBudget::kDefaultLatencyMs;
}

void HealthMonitor::Add(double value) {
  if (last_.size() < window_) {
    last_.push_back(value);
    return;
  }
  last_[next_] = value;
  next_ = (next_ + 1) % window_;
}

void HealthMonitor::AddLatency(double milliseconds) {
  if (std::isfinite(milliseconds) && milliseconds >= 0) Add(milliseconds);
}

void HealthMonitor::AddError() { Add(kFailed); }

double HealthMonitor::MeanLatencyMs() const {
  double sum = 0;
  size_t count = 0;
  for (const double value : last_) {
    if (value == kFailed) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

double HealthMonitor::ErrorShare() const {
  if (last_.empty()) return 0;
  return static_cast<double>(std::ranges::count(last_, kFailed)) / static_cast<double>(last_.size());
}

Health HealthMonitor::health() const {
  if (last_.empty()) return Health::kUnknown;
  if (MeanLatencyMs() > budget_.latency_ms_mean || ErrorShare() > budget_.error_share)
    return Health::kDegraded;
  if (budget_.latency_ms_p95 > 0) {
    // p95 above the budget: more than 5 % of the latencies are.
    const auto measured = std::ranges::count_if(last_, [](double value) { return value != kFailed; });
    const auto above =
        std::ranges::count_if(last_, [&](double value) { return value > budget_.latency_ms_p95; });
    if (above * 20 > measured) return Health::kDegraded;
  }
  return Health::kHealthy;
}

}  // namespace whet::fleet
