// How often a tensor takes which values, gathered as the values stream by.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace whet::quantize {

// Bins of one width, a power of two, with 0 on the border of two bins. Where the values seen no longer fit
// into kBins bins, the width doubles and neighbours merge; so the result does not depend on the order of the
// values. Zeros, of which there are many after a Relu, are counted apart.
class Histogram {
 public:
  static constexpr int64_t kBins = 4096;

  // All values must be finite and lie in [low, high].
  void Add(std::span<const float> values, float low, float high);
  // One bin's worth of values: from a file.
  static Histogram FromCounts(int width_exponent, int64_t first, std::vector<uint64_t> counts,
                              uint64_t zeros);

  bool empty() const { return total_ == 0 && zeros_ == 0; }
  // Of all values, zeros included.
  uint64_t total() const { return total_ + zeros_; }
  uint64_t zeros() const { return zeros_; }
  int width_exponent() const { return exponent_; }
  double width() const;
  // counts()[i] values lie in [(first() + i) * width(), (first() + i + 1) * width()).
  int64_t first() const { return first_; }
  std::span<const uint64_t> counts() const { return counts_; }
  double Center(size_t i) const;

 private:
  void Widen(float low, float high);
  void DoubleWidth();

  int exponent_ = kUnset;
  int64_t first_ = 0;
  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
  uint64_t zeros_ = 0;

  static constexpr int kUnset = -2000;
};

}  // namespace whet::quantize
