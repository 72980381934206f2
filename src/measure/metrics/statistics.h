// How sure a measured number is, and whether two models differ by more than chance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/status.h"

namespace whet {

struct Interval {
  double low = 0;
  double high = 0;
};

// Wilson's score interval (E. B. Wilson, J. Amer. Stat. Assoc. 22, 1927) of a proportion of `hits` in `count`
// > 0. `confidence` is within (0, 1), for example 0.95.
Interval WilsonInterval(size_t hits, size_t count, double confidence);

// The percentile interval of the bootstrap (B. Efron, Ann. Statist. 7, 1979): `statistic` is called on
// `resamples` sets of how often each of `count` samples was drawn. Draws depend on the seed alone. Values
// that are not finite are left out: a resample may lack what a metric needs.
Result<Interval> BootstrapInterval(size_t count, size_t resamples, uint64_t seed, double confidence,
                                   const std::function<Result<double>(std::span<const uint32_t>)>& statistic);

// McNemar's test (Q. McNemar, Psychometrika 12, 1947) of samples that only one of two models gets right.
struct McNemar {
  size_t only_first = 0;
  size_t only_second = 0;
  double p_value = 1;  // of a difference at least as large if the models were equally good
  bool exact = true;   // binomial; else chi-squared with Edwards' correction for continuity
};
// Exact up to 1000 such samples.
McNemar McNemarTest(size_t only_first, size_t only_second);

// The z for which a standard normal variable lies within -z … z with this probability.
double NormalQuantile(double confidence);

}  // namespace whet
