// Scale and zero point: real = (integer - zero) * scale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"
#include "base/status.h"
#include "quantize/histogram.h"

namespace whet::quantize {

struct Range {
  double low = 0;
  double high = 0;
};

struct Parameters {
  DType dtype = DType::kUndefined;
  float scale = 1;
  int64_t zero = 0;

  // The real values that the least and the largest integer stand for.
  Range Covers() const;
  bool operator==(const Parameters&) const = default;
};

int64_t LeastOf(DType dtype);
int64_t LargestOf(DType dtype);

// The parameters with which `range`, made to contain 0, just fits the type. Symmetric: the zero point is 0
// (128 in an unsigned type) and the range is as large on both sides. A range that is only 0 gets the scale 1.
Parameters ParametersFor(Range range, DType dtype, bool symmetric);

// How the range of an activation is chosen from the values seen in calibration.
enum class RangeMethod {
  kMinMax,         // the least and the largest value of all
  kMovingAverage,  // of each sample's least and largest value, the exponentially moving average
  kPercentile,     // leaves out a small part of the values at each end
  kEntropy,        // least Kullback-Leibler divergence between the values before and after
  kMse,            // least mean squared error
};
Result<RangeMethod> RangeMethodFromName(std::string_view name);
std::string_view NameOf(RangeMethod method);
inline constexpr std::string_view kRangeMethodNames = "minmax, average, percentile, entropy, mse";

// What calibration knows of one tensor.
struct Observation {
  uint64_t values = 0;  // finite ones
  uint64_t nans = 0;
  uint64_t infinities = 0;
  float low = 0, high = 0;                   // of the finite ones
  double average_low = 0, average_high = 0;  // moving averages over samples
  Histogram histogram;
  // Where the first NaN or infinity was seen.
  std::string bad_sample;
};

struct RangeOptions {
  RangeMethod method = RangeMethod::kMse;
  double percentile = 99.99;  // of the values are kept
};

// The range that the method chooses for an integer type. For types of 16 bits, whose steps are finer than any
// histogram's bins, clipping can gain nothing, and every method gives the least and the largest value.
Range ChooseRange(const Observation& observation, DType dtype, bool symmetric, const RangeOptions& options);

// The mean squared error of the values that the histogram holds, for these parameters; the spread within one
// bin counts as error of rounding. For tests and reports.
double QuantizationError(const Histogram& histogram, const Parameters& parameters);

}  // namespace whet::quantize
