#include "fleet/rollout/evidence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace whet::fleet {
namespace {

constexpr double kNone = -std::numeric_limits<double>::infinity();

// log of the mean of the binomial likelihood ratios of `points` rates, from rate * first by factors of
// `step`.
double LogMixture(double failures, double tries, double rate, const double* rates, int points) {
  double logs[64];
  double largest = kNone;
  for (int i = 0; i < points; ++i) {
    logs[i] =
        failures * std::log(rates[i] / rate) + (tries - failures) * std::log((1 - rates[i]) / (1 - rate));
    largest = std::max(largest, logs[i]);
  }
  double sum = 0;
  for (int i = 0; i < points; ++i) sum += std::exp(logs[i] - largest);
  return largest + std::log(sum / points);
}

}  // namespace

double LogEvidenceAbove(const Estimate& estimate, double bound, double tau) {
  const double variance = estimate.standard_error * estimate.standard_error;
  if (!(variance > 0) || !std::isfinite(estimate.value) || !(tau > 0)) return kNone;
  const double total = variance + tau * tau;
  const double z = (estimate.value - bound) * tau / std::sqrt(variance * total);
  // 2 sqrt(variance / total) exp(z^2 / 2) Phi(z)
  const double phi = 0.5 * std::erfc(-z / std::numbers::sqrt2);
  if (!(phi > 0)) return kNone;
  return std::numbers::ln2 + 0.5 * std::log(variance / total) + z * z / 2 + std::log(phi);
}

double LogEvidenceBelow(const Estimate& estimate, double bound, double tau) {
  return LogEvidenceAbove({-estimate.value, estimate.standard_error}, -bound, tau);
}

double LogEvidenceRateAbove(double failures, double tries, double rate) {
  if (!(tries > 0)) return kNone;
  // From a little above the bound to certainty: the odds of failing grow by a factor of 1.3 to 1000.
  constexpr int kPoints = 24;
  double rates[kPoints];
  for (int i = 0; i < kPoints; ++i) {
    const double odds =
        rate / (1 - rate) * std::exp(std::log(1.3) + (std::log(1000.0) - std::log(1.3)) * i / (kPoints - 1));
    rates[i] = odds / (1 + odds);
  }
  return LogMixture(failures, tries, rate, rates, kPoints);
}

double LogEvidenceRateBelow(double failures, double tries, double rate) {
  if (!(tries > 0)) return kNone;
  constexpr int kPoints = 16;
  double rates[kPoints];
  for (int i = 0; i < kPoints; ++i) {
    const double odds =
        rate / (1 - rate) / std::exp(std::log(1.3) + (std::log(1000.0) - std::log(1.3)) * i / (kPoints - 1));
    rates[i] = odds / (1 + odds);
  }
  return LogMixture(failures, tries, rate, rates, kPoints);
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
