#include "measure/metrics/statistics.h"

#include <algorithm>
#include <cmath>

#include "data/random.h"

namespace whet {
namespace {

// Of sorted values; interpolated between the two nearest.
double Percentile(const std::vector<double>& sorted, double fraction) {
  const double at = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

}  // namespace

double NormalQuantile(double confidence) {
  // erf is monotonic, and bisection is exact to the last bits after some fifty steps.
  double low = 0;
  double high = 40;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (std::erf(middle / std::sqrt(2.0)) < confidence ? low : high) = middle;
  }
  return (low + high) / 2;
}

Interval WilsonInterval(size_t hits, size_t count, double confidence) {
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n;
  const double z = NormalQuantile(confidence);
  const double scale = 1 + z * z / n;
  const double middle = (p + z * z / (2 * n)) / scale;
  const double half = z / scale * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  // Rounding must not exclude what was measured.
  return {std::clamp(middle - half, 0.0, p), std::clamp(middle + half, p, 1.0)};
}

Result<Interval> BootstrapInterval(
    size_t count, size_t resamples, uint64_t seed, double confidence,
    const std::function<Result<double>(std::span<const uint32_t>)>& statistic) {
  std::vector<uint32_t> drawn(count);
  std::vector<double> values;
  uint64_t draw = 0;
  for (size_t r = 0; r < resamples; ++r) {
    std::fill(drawn.begin(), drawn.end(), 0U);
    for (size_t i = 0; i < count; ++i) ++drawn[data::RandomBits(seed, draw++) % count];
    WHET_ASSIGN_OR_RETURN(const double value, statistic(drawn));
    if (std::isfinite(value)) values.push_back(value);
  }
  if (values.empty()) return Error(Code::kUnsupported, "no resample of the samples has a value");
  std::sort(values.begin(), values.end());
  const double tail = (1 - confidence) / 2;
  return Interval{Percentile(values, tail), Percentile(values, 1 - tail)};
}

McNemar McNemarTest(size_t only_first, size_t only_second) {
  constexpr size_t kMaxExact = 1000;
  McNemar test{only_first, only_second, 1, true};
  const size_t n = only_first + only_second;
  if (n == 0) return test;
  const auto total = static_cast<double>(n);
  if (n <= kMaxExact) {
    // Twice the lower tail of Binomial(n, 1/2); the terms in logarithms, since 2^-n may vanish.
    double tail = 0;
    for (size_t k = 0; k <= std::min(only_first, only_second); ++k) {
      const auto x = static_cast<double>(k);
      tail += std::exp(std::lgamma(total + 1) - std::lgamma(x + 1) - std::lgamma(total - x + 1) -
                       total * std::log(2.0));
    }
    test.p_value = std::min(1.0, 2 * tail);
    return test;
  }
  test.exact = false;
  const double difference = std::abs(static_cast<double>(only_first) - static_cast<double>(only_second));
  const double corrected = std::max(0.0, difference - 1);
  test.p_value = std::erfc(std::sqrt(corrected * corrected / total / 2));
  return test;
}

}  // namespace whet
