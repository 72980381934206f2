// Evidence that may be looked at as often as one likes: e-values, whose running product or mixture under the
// null hypothesis exceeds 1 / alpha at any time with probability at most alpha (Ville's inequality). So the
// gate can look after every report and stop when it has seen enough, without more false alarms than alpha.
#pragma once

#include "fleet/rollout/arm.h"

namespace whet::fleet {

// A difference of two arms and the standard error of its estimate.
struct Estimate {
  double value = 0;
  double standard_error = 0;
};

// The logarithm of the evidence that a quantity is above `bound`, from an estimate of it: the mixture
// likelihood ratio of the mixture sequential probability ratio test (Robbins, "Statistical methods related to
// the law of the iterated logarithm", 1970; for A/B tests Johari, Koomen, Pekelis and Walsh, "Always Valid
// Inference: Continuous Monitoring of A/B Tests", Operations Research 70, 2022), one-sided: effects above the
// bound are mixed over a half-normal with the scale `tau`. With estimates from sums it holds for large
// samples (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
// confidence sequences", Annals of Statistics 52, 2024). -infinity without an estimate (a standard error that
// is not above zero).
double LogEvidenceAbove(const Estimate& estimate, double bound, double tau);
double LogEvidenceBelow(const Estimate& estimate, double bound, double tau);

// The same of `failures` among `tries` independent ones, against a rate of at most (or at least) `rate` in
// (0, 1): a mixture of binomial likelihood ratios over a grid of rates, exact for every sample size.
double LogEvidenceRateAbove(double failures, double tries, double rate);
double LogEvidenceRateBelow(double failures, double tries, double rate);

// min(1, 1 / evidence): a p-value that stays valid however often one looks.
double AlwaysValidP(double log_evidence);

// The ratio y / n of devices as clusters: linearized variance, with a correction for few devices, and for
// shares in [0, 1] at least that of as many independent trials with one success and one failure added
// (Agresti and Caffo, 2000), so that "none of 40" is not taken for certainty. Standard error 0 (none) for
// fewer than kMinimumDevices.
inline constexpr double kMinimumDevices = 8;
Estimate EstimateRatio(const RatioSums& sums, bool is_share);

}  // namespace whet::fleet
