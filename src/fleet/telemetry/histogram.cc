#include "fleet/telemetry/histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace whet::fleet {
namespace {

constexpr size_t kMaxPartBuckets = 1024;

// floor(index / 2^by), also of negative numbers.
int64_t Shift(int64_t index, int by) { return index >> std::min(by, 62); }

// The i with base^i < value <= base^(i+1); value is normal and positive.
int64_t BucketOf(double value, int scale) {
  int exponent = 0;
  const double fraction =
      std::frexp(value, &exponent);  // value = fraction * 2^exponent, fraction in [0.5, 1)
  // Powers of two are upper bounds of their buckets, exactly; a logarithm could miss them by a rounding.
  const bool power = fraction == 0.5;
  if (scale <= 0) {
    const int64_t octave = power ? exponent - 2 : exponent - 1;
    return Shift(octave, -scale);
  }
  const int64_t per_octave = int64_t{1} << scale;
  if (power) return (int64_t{exponent} - 1) * per_octave - 1;
  const int64_t first = (int64_t{exponent} - 1) * per_octave;
  const auto within =
      static_cast<int64_t>(std::ceil(std::log2(fraction * 2) * static_cast<double>(per_octave))) - 1;
  return first + std::clamp<int64_t>(within, 0, per_octave - 1);
}

// base^index; zero or infinity where doubles end.
double LowerBound(int64_t index, int scale) {
  return std::exp2(std::ldexp(static_cast<double>(index), -scale));
}

}  // namespace

void Histogram::Downscale(int by) {
  if (by <= 0) return;
  scale_ -= by;
  if (buckets_.empty()) return;
  const int64_t first = Shift(offset_, by);
  const int64_t last = Shift(offset_ + static_cast<int64_t>(buckets_.size()) - 1, by);
  std::vector<uint64_t> coarse(static_cast<size_t>(last - first + 1), 0);
  for (size_t i = 0; i < buckets_.size(); ++i) {
    coarse[static_cast<size_t>(Shift(offset_ + static_cast<int64_t>(i), by) - first)] += buckets_[i];
  }
  buckets_ = std::move(coarse);
  offset_ = first;
}

void Histogram::Cover(int64_t low, int64_t high) {
  if (!buckets_.empty()) {
    low = std::min(low, offset_);
    high = std::max(high, offset_ + static_cast<int64_t>(buckets_.size()) - 1);
  }
  int by = 0;
  while (Shift(high, by) - Shift(low, by) >= kMaxBuckets) ++by;
  Downscale(by);
  low = Shift(low, by);
  high = Shift(high, by);
  if (buckets_.empty()) offset_ = low;
  if (low < offset_) {
    buckets_.insert(buckets_.begin(), static_cast<size_t>(offset_ - low), 0);
    offset_ = low;
  }
  if (const auto size = static_cast<size_t>(high - offset_ + 1); size > buckets_.size())
    buckets_.resize(size, 0);
}

void Histogram::Record(double value, uint64_t times) {
  if (!std::isfinite(value) || times == 0 || times > kMaxCount - count_) return;
  const double kept = std::max(value, 0.0);
  if (count_ == 0 || kept < min_) min_ = kept;
  if (count_ == 0 || kept > max_) max_ = kept;
  count_ += times;
  sum_ += kept * static_cast<double>(times);
  if (value < std::numeric_limits<double>::min()) {
    zero_count_ += times;
    return;
  }
  int64_t index = BucketOf(value, scale_);
  if (buckets_.empty() || index < offset_ || index >= offset_ + static_cast<int64_t>(buckets_.size())) {
    const int before = scale_;
    Cover(index, index);
    index = Shift(index, before - scale_);
  }
  buckets_[static_cast<size_t>(index - offset_)] += times;
}

Status Histogram::Merge(const Histogram& other) {
  if (other.count_ > kMaxCount - count_) {
    return Error(Code::kLimitExceeded, "two histograms hold too many values to be merged");
  }
  if (other.count_ == 0) return {};
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_;
  sum_ += other.sum_;
  zero_count_ += other.zero_count_;
  if (other.buckets_.empty()) return {};
  Downscale(scale_ - other.scale_);
  const int64_t other_last = other.offset_ + static_cast<int64_t>(other.buckets_.size()) - 1;
  const int shift = other.scale_ - scale_;
  Cover(Shift(other.offset_, shift), Shift(other_last, shift));
  const int by = other.scale_ - scale_;  // Cover may have made it coarser
  for (size_t i = 0; i < other.buckets_.size(); ++i) {
    const int64_t index = Shift(other.offset_ + static_cast<int64_t>(i), by);
    buckets_[static_cast<size_t>(index - offset_)] += other.buckets_[i];
  }
  return {};
}

Result<Histogram> Histogram::FromParts(const Parts& parts) {
  if (parts.scale < kMinScale || parts.scale > kMaxScale) {
    return Error(Code::kBadFile, "a histogram's scale is %d, but -10 to 20 are possible", parts.scale);
  }
  if (parts.buckets.size() > kMaxPartBuckets) {
    return Error(Code::kLimitExceeded, "a histogram has %zu buckets, but at most 1024 are taken",
                 parts.buckets.size());
  }
  uint64_t total = parts.zero_count;
  bool too_many = total > kMaxCount;
  for (const uint64_t bucket : parts.buckets) {
    too_many = too_many || bucket > kMaxCount - total;
    if (too_many) break;
    total += bucket;
  }
  if (too_many) return Error(Code::kLimitExceeded, "a histogram's counts are impossibly high");
  if (total != parts.count) {
    return Error(Code::kBadFile, "a histogram says it holds %llu values, but its buckets hold %llu",
                 static_cast<unsigned long long>(parts.count), static_cast<unsigned long long>(total));
  }
  Histogram histogram;
  histogram.scale_ = parts.scale;
  if (total == 0) return Histogram();
  size_t first = 0;
  size_t last = parts.buckets.size();
  while (first < last && parts.buckets[first] == 0) ++first;
  while (last > first && parts.buckets[last - 1] == 0) --last;
  histogram.zero_count_ = parts.zero_count;
  histogram.count_ = total;
  double low = 0;
  double high = 0;
  if (first < last) {
    const int64_t low_index = int64_t{parts.offset} + static_cast<int64_t>(first);
    const int64_t high_index = int64_t{parts.offset} + static_cast<int64_t>(last) - 1;
    low = LowerBound(low_index, parts.scale);
    high = LowerBound(high_index + 1, parts.scale);
    // The bucket that holds the largest double ends at 2^1024.
    if (!(low > 0) || !std::isfinite(LowerBound(high_index, parts.scale))) {
      return Error(Code::kBadFile, "a histogram's buckets lie outside of the numbers");
    }
    high = std::min(high, std::numeric_limits<double>::max());
    histogram.Cover(low_index, high_index);
    const int by = parts.scale - histogram.scale_;
    for (size_t i = first; i < last; ++i) {
      const int64_t index = Shift(int64_t{parts.offset} + static_cast<int64_t>(i), by);
      histogram.buckets_[static_cast<size_t>(index - histogram.offset_)] += parts.buckets[i];
    }
  }
  // The mean that is made of the sum must be one that the buckets can have.
  double least = 0;
  double most = 0;
  for (size_t i = first; i < last; ++i) {
    const int64_t index = int64_t{parts.offset} + static_cast<int64_t>(i);
    const auto times = static_cast<double>(parts.buckets[i]);
    least += times * LowerBound(index, parts.scale);
    most += times * std::min(LowerBound(index + 1, parts.scale), std::numeric_limits<double>::max());
  }
  constexpr double kSlack = 1e-6;  // of additions in another order
  if (!std::isfinite(parts.sum) || parts.sum < least * (1 - kSlack) || parts.sum > most * (1 + kSlack)) {
    return Error(Code::kBadFile, "a histogram's sum is not one that its buckets can have");
  }
  histogram.sum_ = parts.sum;
  histogram.min_ = parts.zero_count > 0 ? 0 : low;
  histogram.max_ = high;
  if (parts.has_min_max) {
    if (!std::isfinite(parts.min) || !std::isfinite(parts.max) || parts.min < 0 || parts.min > parts.max) {
      return Error(Code::kBadFile, "a histogram's minimum and maximum are not in order");
    }
    // They sharpen the ends, but a lie must not move a quantile out of its bucket.
    histogram.min_ = parts.zero_count > 0 ? 0 : std::max(histogram.min_, std::min(parts.min, high));
    histogram.max_ = std::min(histogram.max_, std::max(parts.max, histogram.min_));
  }
  return histogram;
}

Histogram::Parts Histogram::ToParts() const {
  Parts parts;
  parts.scale = scale_;
  parts.zero_count = zero_count_;
  parts.offset = static_cast<int32_t>(buckets_.empty() ? 0 : offset_);
  parts.buckets = buckets_;
  parts.count = count_;
  parts.sum = sum_;
  parts.min = min_;
  parts.max = max_;
  return parts;
}

double Histogram::RelativeError() const { return std::exp2(std::ldexp(1.0, -scale_)) - 1; }

double Histogram::Quantile(double q) const {
  if (count_ == 0) return 0;
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(count_);
  auto below = static_cast<double>(zero_count_);
  if (rank <= below && zero_count_ > 0) return 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const auto in_bucket = static_cast<double>(buckets_[i]);
    if (in_bucket > 0 && below + in_bucket >= rank) {
      const double within = std::clamp((rank - below) / in_bucket, 0.0, 1.0);
      const double position = static_cast<double>(offset_ + static_cast<int64_t>(i)) + within;
      return std::clamp(std::exp2(std::ldexp(position, -scale_)), min_, max_);
    }
    below += in_bucket;
  }
  return max_;
}

double Histogram::CountAbove(double limit) const {
  if (count_ == 0 || limit >= max_) return 0;
  if (!(limit > 0))
    return limit < 0 ? static_cast<double>(count_) : static_cast<double>(count_ - zero_count_);
  if (limit < min_) return static_cast<double>(count_);
  const double position = std::ldexp(std::log2(limit), scale_);
  double above = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const auto low = static_cast<double>(offset_ + static_cast<int64_t>(i));
    above += static_cast<double>(buckets_[i]) * std::clamp(low + 1 - position, 0.0, 1.0);
  }
  return above;
}

}  // namespace whet::fleet
