#include "quantize/parameters.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace whet::quantize {
namespace {

struct MethodName {
  RangeMethod method;
  std::string_view name;
};
constexpr MethodName kMethods[] = {{RangeMethod::kMinMax, "minmax"},
                                   {RangeMethod::kMovingAverage, "average"},
                                   {RangeMethod::kPercentile, "percentile"},
                                   {RangeMethod::kEntropy, "entropy"},
                                   {RangeMethod::kMse, "mse"}};

Range Within(Range range, const Observation& observation) {
  range.low =
      std::clamp(range.low, static_cast<double>(observation.low), static_cast<double>(observation.high));
  range.high =
      std::clamp(range.high, static_cast<double>(observation.low), static_cast<double>(observation.high));
  return range;
}

// Leaves out (100 - percent) % of the values, half of them at each end; an end at which the values stop at 0,
// as after a Relu, has none to leave out.
Range Percentile(const Observation& observation, double percent) {
  const Histogram& histogram = observation.histogram;
  const auto counts = histogram.counts();
  const double drop = static_cast<double>(histogram.total()) * (1 - percent / 100) / 2;
  const auto border = [&](size_t i) {
    return (static_cast<double>(histogram.first()) + static_cast<double>(i)) * histogram.width();
  };
  Range range{observation.low, observation.high};
  double below = 0;
  for (size_t i = 0; i < counts.size() && border(i + 1) <= 0; ++i) {
    range.low = border(i);
    below += static_cast<double>(counts[i]);
    if (below > drop) break;
  }
  double above = 0;
  for (size_t i = counts.size(); i-- > 0 && border(i) >= 0;) {
    range.high = border(i + 1);
    above += static_cast<double>(counts[i]);
    if (above > drop) break;
  }
  return Within(range, observation);
}

// The least of `cost` over fractions by which each end of the range is pulled in: both ends together first,
// then each by itself, coarse and then fine.
template <typename Cost>
Range Search(const Observation& observation, bool symmetric, Cost cost) {
  Range full{std::min(0.0, static_cast<double>(observation.low)),
             std::max(0.0, static_cast<double>(observation.high))};
  if (symmetric) {
    const double reach = std::max(-full.low, full.high);
    full = {-reach, reach};
  }
  const auto scaled = [&](double low, double high) { return Range{full.low * low, full.high * high}; };
  double low = 1, high = 1;
  double best = cost(full);
  const auto attempt = [&](double new_low, double new_high) {
    if (new_low <= 0 || new_high <= 0 || new_low > 1 || new_high > 1) return;
    const double value = cost(scaled(new_low, new_high));
    if (value < best) {
      best = value;
      low = new_low;
      high = new_high;
    }
  };
  for (int i = 1; i < 100; ++i) attempt(1 - 0.01 * i, 1 - 0.01 * i);
  if (symmetric || full.low == 0 || full.high == 0) {
    const double center = low;
    for (int i = -9; i <= 9; ++i) attempt(center + 0.001 * i, center + 0.001 * i);
    return scaled(low, high);
  }
  for (const double step : {0.05, 0.01, 0.002}) {
    for (int round = 0; round < 2; ++round) {
      const double low_center = low;
      for (int i = -6; i <= 6; ++i) attempt(low_center + step * i, high);
      const double high_center = high;
      for (int i = -6; i <= 6; ++i) attempt(low, high_center + step * i);
    }
  }
  return scaled(low, high);
}

// The Kullback-Leibler divergence of the values, clipped to the range, from what is left when they are put
// into as many bins as the type has values: Migacz, "8-bit inference with TensorRT", GTC 2017. Zeros stay out
// of it: they are exact in any case, and their mass would hide the rest.
double Divergence(const Histogram& histogram, Range range, int64_t levels) {
  const auto counts = histogram.counts();
  const auto bins = static_cast<int64_t>(counts.size());
  const auto index = [&](double value) {
    return std::clamp<int64_t>(
        static_cast<int64_t>(std::floor(value / histogram.width())) - histogram.first(), 0, bins);
  };
  const int64_t begin = std::min(index(range.low), bins - 1);
  const int64_t end = std::clamp(index(range.high) + 1, begin + 1, bins);
  const int64_t size = end - begin;
  std::vector<double> reference(static_cast<size_t>(size));
  for (int64_t i = 0; i < bins; ++i) {
    reference[static_cast<size_t>(std::clamp(i - begin, int64_t{0}, size - 1))] +=
        static_cast<double>(counts[static_cast<size_t>(i)]);
  }
  // The coarse distribution is made of the values within the range only: what clipping piles up at the ends
  // is what it cannot follow.
  std::vector<double> sums(static_cast<size_t>(std::min(levels, size)));
  std::vector<double> filled(sums.size());
  const auto level = [&](int64_t i) {
    return static_cast<size_t>(i * static_cast<int64_t>(sums.size()) / size);
  };
  for (int64_t i = 0; i < size; ++i) {
    sums[level(i)] += static_cast<double>(counts[static_cast<size_t>(begin + i)]);
    if (reference[static_cast<size_t>(i)] > 0) filled[level(i)] += 1;
  }
  double reference_total = 0, coarse_total = 0;
  for (double value : reference) reference_total += value;
  for (double value : sums) coarse_total += value;
  if (coarse_total <= 0) return std::numeric_limits<double>::infinity();
  double divergence = 0;
  for (int64_t i = 0; i < size; ++i) {
    const double p = reference[static_cast<size_t>(i)] / reference_total;
    if (p <= 0) continue;
    const double q = sums[level(i)] / filled[level(i)] / coarse_total;
    // A level in the range without a value of its own is at an end that clipping filled.
    divergence += p * std::log(p / std::max(q, 1e-12));
  }
  return divergence;
}

}  // namespace

int64_t LeastOf(DType dtype) { return IsUnsignedInteger(dtype) ? 0 : -(int64_t{1} << (BitsOf(dtype) - 1)); }
int64_t LargestOf(DType dtype) {
  return IsUnsignedInteger(dtype) ? (int64_t{1} << BitsOf(dtype)) - 1
                                  : (int64_t{1} << (BitsOf(dtype) - 1)) - 1;
}

Range Parameters::Covers() const {
  return {static_cast<double>(LeastOf(dtype) - zero) * static_cast<double>(scale),
          static_cast<double>(LargestOf(dtype) - zero) * static_cast<double>(scale)};
}

Parameters ParametersFor(Range range, DType dtype, bool symmetric) {
  const auto least = static_cast<double>(LeastOf(dtype));
  const auto largest = static_cast<double>(LargestOf(dtype));
  const double low = std::min(range.low, 0.0);
  const double high = std::max(range.high, 0.0);
  Parameters parameters{dtype, 1, 0};
  const auto middle = IsUnsignedInteger(dtype) ? int64_t{1} << (BitsOf(dtype) - 1) : int64_t{0};
  const double steps = symmetric ? largest - static_cast<double>(middle) : largest - least;
  const double span = symmetric ? std::max(-low, high) : high - low;
  // Scales below the least normal f32 would lose their precision.
  const double scale = std::max(span / steps, static_cast<double>(std::numeric_limits<float>::min()));
  if (span > 0) parameters.scale = static_cast<float>(scale);
  if (symmetric) {
    parameters.zero = middle;
  } else {
    const double zero = span > 0 ? least - low / static_cast<double>(parameters.scale) : least;
    parameters.zero = static_cast<int64_t>(std::clamp(std::nearbyint(zero), least, largest));
  }
  return parameters;
}

Result<RangeMethod> RangeMethodFromName(std::string_view name) {
  for (const MethodName& entry : kMethods) {
    if (entry.name == name) return entry.method;
  }
  return Error(Code::kInvalidArgument, "'%s' is not one of %s", std::string(name).c_str(),
               std::string(kRangeMethodNames).c_str());
}

std::string_view NameOf(RangeMethod method) {
  for (const MethodName& entry : kMethods) {
    if (entry.method == method) return entry.name;
  }
  return {};
}

double QuantizationError(const Histogram& histogram, const Parameters& parameters) {
  const Range covers = parameters.Covers();
  const auto scale = static_cast<double>(parameters.scale);
  const double width = histogram.width();
  const auto counts = histogram.counts();
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const double center = histogram.Center(i);
    const double clipped = std::clamp(center, covers.low, covers.high);
    double error = (center - clipped) * (center - clipped);
    if (clipped == center) {
      // Bins narrower than a step: the error of the center. Wider ones: that of values spread evenly.
      const double rounded = std::nearbyint(center / scale) * scale;
      error = width < scale ? (center - rounded) * (center - rounded) : scale * scale / 12;
    }
    sum += error * static_cast<double>(counts[i]);
  }
  return histogram.total() > 0 ? sum / static_cast<double>(histogram.total()) : 0;
}

Range ChooseRange(const Observation& observation, DType dtype, bool symmetric, const RangeOptions& options) {
  const Range seen{observation.low, observation.high};
  if (BitsOf(dtype) > 8 || observation.histogram.empty()) return seen;
  switch (options.method) {
    case RangeMethod::kMinMax: return seen;
    case RangeMethod::kMovingAverage: return {observation.average_low, observation.average_high};
    case RangeMethod::kPercentile: return Percentile(observation, options.percentile);
    case RangeMethod::kEntropy:
      return Search(observation, symmetric, [&](Range range) {
        return Divergence(observation.histogram, range, LargestOf(dtype) - LeastOf(dtype) + 1);
      });
    case RangeMethod::kMse:
      return Search(observation, symmetric, [&](Range range) {
        return QuantizationError(observation.histogram, ParametersFor(range, dtype, symmetric));
      });
  }
  return seen;
}

}  // namespace whet::quantize
