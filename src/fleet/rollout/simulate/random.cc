#include "fleet/rollout/simulate/random.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace whet::fleet {

BinomialTable::BinomialTable(uint32_t trials, double probability) {
  const double n = trials;
  const double p = std::clamp(probability, 0.0, 1.0);
  constexpr double kNegligible = 1e-13;  // below what 32 bits can tell
  if (trials == 0 || p == 0 || p == 1) {
    first_ = p == 1 ? trials : 0;
    last_ = {UINT32_MAX};
  } else {
    // From the mode, where the probability is known, up and down by the ratio of neighbours.
    const double mode = std::min(n, std::floor((n + 1) * p));
    const double at_mode = std::exp(std::lgamma(n + 1) - std::lgamma(mode + 1) - std::lgamma(n - mode + 1) +
                                    mode * std::log(p) + (n - mode) * std::log1p(-p));
    std::vector<double> below;
    double k = mode;
    for (double mass = at_mode; k > 0; --k) {
      mass *= k / (n - k + 1) * (1 - p) / p;
      if (mass < kNegligible) break;
      below.push_back(mass);
    }
    std::vector<double> masses(below.rbegin(), below.rend());
    first_ = static_cast<uint32_t>(mode) - static_cast<uint32_t>(below.size());
    masses.push_back(at_mode);
    k = mode;
    for (double mass = at_mode; k < n; ++k) {
      mass *= (n - k) / (k + 1) * p / (1 - p);
      if (mass < kNegligible) break;
      masses.push_back(mass);
    }
    double sum = 0;
    for (const double mass : masses) {
      sum += mass;
      last_.push_back(static_cast<uint32_t>(std::clamp(sum * 0x1p32 - 1, 0.0, 0x1p32 - 1)));
    }
    last_.back() = UINT32_MAX;
  }
  uint32_t begin = 0;
  for (uint32_t high = 0; high < 256; ++high) {
    while (last_[begin] < high << 24) ++begin;
    guide_[high] = begin;
  }
}

uint64_t Binomial(SplitMix& random, uint64_t trials, double probability) {
  if (trials == 0 || !(probability > 0)) return 0;
  if (probability >= 1) return trials;
  return static_cast<uint64_t>(
      std::binomial_distribution<int64_t>(static_cast<int64_t>(trials), probability)(random));
}

}  // namespace whet::fleet
