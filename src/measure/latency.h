// Summaries of measured run times, and what the system says about the process.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace whet {

struct LatencySummary {
  double mean = 0;
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
  double min = 0;
  double max = 0;
};

// Percentiles are interpolated between the two nearest runs. Zeros for no runs.
LatencySummary Summarize(std::span<const double> milliseconds);

// Nanoseconds of a clock that never goes back.
int64_t NowNanoseconds();

// The largest resident size of the process since it began or since ResetPeakRss; 0 if the system does not
// say.
uint64_t PeakRssBytes();
// Gives back freed memory and starts the peak anew, as far as the system allows.
void ResetPeakRss();

// Joules that the processor has used since some moment (Linux powercap); nothing where it cannot be read.
std::optional<double> ReadEnergyJoules();

}  // namespace whet
