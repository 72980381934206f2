// Running mean and variance, and how far a device's inputs have moved from those the model was made with.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"

namespace whet::fleet {

// Welford's update and Chan, Golub and LeVeque's merge ("Updating formulae and a pairwise algorithm for
// computing sample variances", 1979): no cancellation however large the mean is.
class Moments {
 public:
  void Add(double value) {
    if (!std::isfinite(value)) return;
    ++count_;
    const double delta = value - mean_;
    mean_ += delta / static_cast<double>(count_);
    squares_ += delta * (value - mean_);
  }

  uint64_t count() const { return count_; }
  double mean() const { return mean_; }
  // Of the sample (divided by count - 1); 0 for fewer than two values.
  double variance() const { return count_ < 2 ? 0 : squares_ / static_cast<double>(count_ - 1); }

 private:
  uint64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // sum of squared distances from the mean
};

// |mean - reference mean| in reference standard deviations. Without values, or where the reference did not
// vary and the mean did not move either, 0; where only the reference did not vary, kMaxDrift, as for anything
// larger.
inline constexpr double kMaxDrift = 1e6;
double StandardizedShift(const Moments& seen, double reference_mean, double reference_std);

// One Moments per input of a model (per channel where the reference has one entry per channel).
class DriftMonitor {
 public:
  DriftMonitor() = default;
  // Both as in release.json's `reference`; as long as each other.
  static Result<DriftMonitor> Create(std::vector<double> means, std::vector<double> stds);

  size_t size() const { return seen_.size(); }
  // `index` < size().
  void Add(size_t index, double value) { seen_[index].Add(value); }
  // The largest standardized shift of all inputs: the metric `whet.input.drift`.
  double Drift() const;
  void Reset() { seen_.assign(seen_.size(), Moments()); }

 private:
  std::vector<double> means_;
  std::vector<double> stds_;
  std::vector<Moments> seen_;
};

}  // namespace whet::fleet
