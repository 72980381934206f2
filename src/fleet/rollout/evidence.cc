#include "fleet/rollout/evidence.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <numbers>

namespace whet::fleet {
namespace {

constexpr double kNone = -std::numeric_limits<double>::infinity();

// log(mean(exp(logs)))
double LogMean(const double* logs, size_t count) {
  const double largest = *std::max_element(logs, logs + count);
  if (!(largest > kNone)) return kNone;
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += std::exp(logs[i] - largest);
  return largest + std::log(sum / static_cast<double>(count));
}

// The likelihood ratio of an effect half-normally distributed with the scale tau against none:
// 2 sqrt(variance / total) exp(z^2 / 2) Phi(z) with total = variance + tau^2.
double LogHalfNormalMixture(double effect, double variance, double tau) {
  const double total = variance + tau * tau;
  const double z = effect * tau / std::sqrt(variance * total);
  const double phi = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  if (!(phi > 0)) return kNone;
  return std::numbers::ln2 + 0.5 * std::log(variance / total) + z * z / 2 + std::log(phi);
}

// Rates whose odds are those of `rate` times 1.3 to 1000 (or divided by them).
constexpr size_t kRates = 24;
double LogRateMixture(double failures, double tries, double rate, bool above) {
  if (!(tries > 0)) return kNone;
  double logs[kRates];
  for (size_t i = 0; i < kRates; ++i) {
    const double factor = 1.3 * std::pow(1000 / 1.3, static_cast<double>(i) / (kRates - 1));
    const double odds = rate / (1 - rate) * (above ? factor : 1 / factor);
    const double other = odds / (1 + odds);
    logs[i] = failures * std::log(other / rate) + (tries - failures) * std::log((1 - other) / (1 - rate));
  }
  return LogMean(logs, kRates);
}

}  // namespace

double LogEvidenceAbove(const Estimate& estimate, double bound, double tau) {
  const double variance = estimate.standard_error * estimate.standard_error;
  if (!(variance > 0) || !std::isfinite(estimate.value) || !(tau > 0)) return kNone;
  constexpr double kScales[] = {1, 4, 16};
  double logs[std::size(kScales)];
  for (size_t i = 0; i < std::size(kScales); ++i) {
    logs[i] = LogHalfNormalMixture(estimate.value - bound, variance, tau * kScales[i]);
  }
  return LogMean(logs, std::size(kScales));
}

double LogEvidenceBelow(const Estimate& estimate, double bound, double tau) {
  return LogEvidenceAbove({-estimate.value, estimate.standard_error}, -bound, tau);
}

double LogEvidenceRateAbove(double failures, double tries, double rate) {
  return LogRateMixture(failures, tries, rate, true);
}

double LogEvidenceRateBelow(double failures, double tries, double rate) {
  return LogRateMixture(failures, tries, rate, false);
}

double AlwaysValidP(double log_evidence) { return log_evidence <= 0 ? 1 : std::exp(-log_evidence); }

Estimate EstimateRatio(const RatioSums& sums, bool is_share) {
  Estimate estimate;
  if (!(sums.n > 0)) return estimate;
  estimate.value = sums.ratio();
  if (sums.devices < kMinimumDevices) return estimate;
  const double r = estimate.value;
  const double residuals = std::max(0.0, sums.yy - 2 * r * sums.yn + r * r * sums.nn);
  const double freedom = sums.devices - 1;
  // The second factor is the variance of Student's t: tails as heavy as few devices make them.
  double variance = residuals / (sums.n * sums.n) * (sums.devices / freedom) * (freedom / (freedom - 2));
  if (is_share) {
    const double p = (sums.y + 1) / (sums.n + 2);
    variance = std::max(variance, p * (1 - p) / (sums.n + 2));
  }
  estimate.standard_error = std::sqrt(variance);
  return estimate;
}

}  // namespace whet::fleet
