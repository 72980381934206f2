// A histogram of bounded size that any two devices can merge: the base-2 exponential histogram of
// OpenTelemetry (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram).
//
// Bucket i holds the values in (base^i, base^(i+1)] with base = 2^(2^-scale). It starts at the finest scale
// and halves the resolution (scale - 1: bucket i goes to floor(i / 2)) whenever the values no longer fit into
// kMaxBuckets, so it is as fine as what it has seen allows: 1 to 100 ms fit at scale 4, base 1.044.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace whet::fleet {

// Plain data with value semantics; not safe to change from two threads at once. Unit: whatever was recorded.
class Histogram {
 public:
  static constexpr int kMaxBuckets = 160;
  static constexpr int kMaxScale = 20;
  static constexpr int kMinScale = -10;
  // Together they hold at most this many values; beyond, Merge and FromParts refuse and Record does nothing.
  static constexpr uint64_t kMaxCount = uint64_t{1} << 62;

  // Values that are not above zero (or are subnormal) count in the zero bucket; NaN and infinities are
  // dropped.
  void Record(double value) { Record(value, 1); }
  void Record(double value, uint64_t times);

  // Adds all of `other`. An error (and no change) if the counts would pass kMaxCount.
  Status Merge(const Histogram& other);

  // What a message says of a histogram, checked: scale, number of buckets, offset, a count and a sum that the
  // buckets can have, minimum and maximum in order. More than kMaxBuckets are merged until they fit;
  // `buckets` is at most 1024 long.
  struct Parts {
    int scale = 0;
    uint64_t zero_count = 0;
    int32_t offset = 0;  // index of the first bucket
    std::vector<uint64_t> buckets;
    uint64_t count = 0;
    double sum = 0;
    double min = 0;
    double max = 0;
    bool has_min_max = true;
  };
  static Result<Histogram> FromParts(const Parts& parts);
  Parts ToParts() const;

  uint64_t count() const { return count_; }
  double sum() const { return sum_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  double min() const { return min_; }  // 0 for an empty one
  double max() const { return max_; }
  int scale() const { return scale_; }

  // The value below which the share `q` in [0, 1] of the values lies, interpolated on a logarithmic scale
  // within its bucket; 0 for an empty histogram. Off from the sample quantile by less than RelativeError() of
  // it.
  double Quantile(double q) const;
  // base - 1: no two values of a bucket differ by more.
  double RelativeError() const;
  // How many values are above `limit`, interpolated as by Quantile: CountAbove(Quantile(q)) is (1 - q) *
  // count.
  double CountAbove(double limit) const;

 private:
  void Downscale(int by);
  // Widens [offset_, offset_ + size) so that it holds the buckets low … high, coarser if need be.
  void Cover(int64_t low, int64_t high);

  int scale_ = kMaxScale;
  int64_t offset_ = 0;
  std::vector<uint64_t> buckets_;
  uint64_t zero_count_ = 0;
  uint64_t count_ = 0;
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
};

}  // namespace whet::fleet
