// Whether a model does on this device what its release promises.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace whet::fleet {

// The numbers are those of the metric `whet.health`.
enum class Health : uint8_t { kUnknown = 0, kHealthy = 1, kDegraded = 2 };

// "unknown", "healthy", "degraded".
std::string_view HealthName(Health health);

struct HealthBudget {
  static constexpr double kDefaultLatencyMs = 100;

  double latency_ms_mean = 0;  // 0: kDefaultLatencyMs
  double latency_ms_p95 = 0;   // 0: no such budget
  double error_share = 0.05;   // of the window's inferences
};

// Looks at the last `window` inferences: no data is UNKNOWN; a mean latency, p95 or share of errors above its
// budget is DEGRADED; else HEALTHY. The window is what keeps the answer from flickering. Not thread-safe.
class HealthMonitor {
 public:
  static constexpr size_t kWindow = 100;

  explicit HealthMonitor(const HealthBudget& budget = {}, size_t window = kWindow);

  // A failed inference has no latency. NaN and negative latencies are dropped.
  void AddLatency(double milliseconds);
  void AddError();

  Health health() const;
  // Of the window; 0 without data.
  double MeanLatencyMs() const;
  double ErrorShare() const;
  const HealthBudget& budget() const { return budget_; }

 private:
  void Add(double value);

  HealthBudget budget_;
  size_t window_;
  std::vector<double> last_;  // a ring; kFailed stands for an error
  size_t next_ = 0;
};

}  // namespace whet::fleet
