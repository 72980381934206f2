#include "quantize/histogram.h"

#include <algorithm>
#include <cmath>

namespace whet::quantize {
namespace {

// Narrower bins than the least normal f32 mean nothing.
constexpr int kLeastExponent = -126;

int64_t BinOf(float value, int exponent) {
  return static_cast<int64_t>(std::floor(std::ldexp(static_cast<double>(value), -exponent)));
}

}  // namespace

double Histogram::width() const { return std::ldexp(1.0, exponent_); }

double Histogram::Center(size_t i) const {
  return (static_cast<double>(first_) + static_cast<double>(i) + 0.5) * width();
}

Histogram Histogram::FromCounts(int width_exponent, int64_t first, std::vector<uint64_t> counts,
                                uint64_t zeros) {
  Histogram histogram;
  histogram.exponent_ = width_exponent;
  histogram.first_ = first;
  histogram.counts_ = std::move(counts);
  histogram.zeros_ = zeros;
  for (uint64_t count : histogram.counts_) histogram.total_ += count;
  return histogram;
}

// Makes room for values from low to high beside those that are there already.
void Histogram::Widen(float low, float high) {
  const double reach = std::max(std::abs(static_cast<double>(low)), std::abs(static_cast<double>(high)));
  // So wide that the number of a bin has no more digits than an f32.
  const int widest = reach > 0 ? std::max(kLeastExponent, std::ilogb(reach) - 23) : kLeastExponent;
  if (exponent_ == kUnset) {
    const double range = static_cast<double>(high) - static_cast<double>(low);
    exponent_ = widest;
    if (range > 0) exponent_ = std::max(widest, std::ilogb(range / static_cast<double>(kBins)));
  }
  while (exponent_ < widest) DoubleWidth();
  while (true) {
    const bool empty = counts_.empty();
    const int64_t end = first_ + static_cast<int64_t>(counts_.size());
    const int64_t low_bin = BinOf(low, exponent_);
    const int64_t high_bin = BinOf(high, exponent_) + 1;
    const int64_t new_first = empty ? low_bin : std::min(first_, low_bin);
    const int64_t new_end = empty ? high_bin : std::max(end, high_bin);
    if (new_end - new_first <= kBins) {
      counts_.insert(counts_.begin(), empty ? 0 : static_cast<size_t>(first_ - new_first), 0);
      counts_.resize(static_cast<size_t>(new_end - new_first), 0);
      first_ = new_first;
      return;
    }
    DoubleWidth();
  }
}

// Neighbours become one. Halving is a division that rounds down, so negative bins merge as positive ones do.
void Histogram::DoubleWidth() {
  const int64_t end = first_ + static_cast<int64_t>(counts_.size());
  const int64_t half = first_ >> 1;
  std::vector<uint64_t> merged(counts_.empty() ? 0 : static_cast<size_t>(((end - 1) >> 1) - half + 1));
  for (size_t i = 0; i < counts_.size(); ++i) {
    merged[static_cast<size_t>(((first_ + static_cast<int64_t>(i)) >> 1) - half)] += counts_[i];
  }
  counts_ = std::move(merged);
  first_ = half;
  ++exponent_;
}

void Histogram::Add(std::span<const float> values, float low, float high) {
  if (values.empty()) return;
  Widen(low, high);
  const auto factor = static_cast<float>(std::ldexp(1.0, -exponent_));
  // Shifted up by a whole number of bins, every value is positive, and cutting off the fraction rounds down.
  // The sum may round up to the next bin at most.
  const auto shift = static_cast<float>(-first_);
  const auto last = static_cast<int32_t>(counts_.size() - 1);
  // Neighbouring values often fall into one bin; four counters keep the additions from waiting for each
  // other.
  std::array<std::vector<uint32_t>, 4> counters;
  for (auto& counter : counters) counter.resize(counts_.size());
  constexpr size_t kMost = size_t{1} << 31;
  for (size_t begin = 0; begin < values.size(); begin += kMost) {
    const std::span<const float> part = values.subspan(begin, std::min(kMost, values.size() - begin));
    for (auto& counter : counters) std::fill(counter.begin(), counter.end(), 0);
    uint64_t zeros = 0;
    for (size_t i = 0; i < part.size(); ++i) {
      const auto bin = std::clamp(static_cast<int32_t>(part[i] * factor + shift), 0, last);
      const bool zero = part[i] == 0.0F;
      zeros += zero ? 1 : 0;
      counters[i & 3][static_cast<size_t>(bin)] += zero ? 0 : 1;
    }
    for (size_t bin = 0; bin < counts_.size(); ++bin) {
      const uint64_t sum =
          uint64_t{counters[0][bin]} + counters[1][bin] + counters[2][bin] + counters[3][bin];
      counts_[bin] += sum;
      total_ += sum;
    }
    zeros_ += zeros;
  }
}

}  // namespace whet::quantize
