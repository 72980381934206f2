// Random numbers of the simulation: the same on every machine for the same seed.
#pragma once

#include <cstdint>
#include <vector>

namespace whet::fleet {

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). Also a
// UniformRandomBitGenerator.
class SplitMix {
 public:
  using result_type = uint64_t;
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return UINT64_MAX; }
  uint64_t operator()() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  double Uniform() { return static_cast<double>((*this)() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

// What 32 random bits must be below for something of this probability; 2^32 for certainty.
inline uint64_t Threshold(double probability) { return static_cast<uint64_t>(probability * 0x1p32 + 0.5); }

// Draws from the binomial distribution by looking 32 random bits up in its cumulative distribution: exact to
// 2^-32.
class BinomialTable {
 public:
  BinomialTable() : BinomialTable(0, 0) {}
  BinomialTable(uint32_t trials, double probability);

  uint32_t operator()(uint32_t bits) const {
    uint32_t k = guide_[bits >> 24];
    while (bits > last_[k]) ++k;
    return first_ + k;
  }

 private:
  uint32_t first_ = 0;          // the smallest number that occurs
  std::vector<uint32_t> last_;  // the largest bits that mean first_ + k; ends with UINT32_MAX
  uint32_t guide_[256];         // where to begin, by the highest 8 bits
};

// A draw from the binomial distribution of many trials.
uint64_t Binomial(SplitMix& random, uint64_t trials, double probability);

}  // namespace whet::fleet
