// Context mixing: several adaptive probabilities, each of another context, become one by logistic mixing
// (Mahoney, "Adaptive Weighing of Context Models for Lossless Data Compression", 2005). Integers only, so
// that every device computes the same bits.
#pragma once

#include <array>
#include <cstdint>

namespace whet::fleet {

namespace logistic {

// ln(p / (1 - p)) in steps of 1/180, so that +-2047 covers what 16 bits of probability can say.
inline constexpr double kUnit = 180;
inline constexpr int kLimit = 2047;

constexpr std::array<uint16_t, 4096> MakeSquash() {
  // exp(1 / kUnit), by its series; then by repeated multiplication.
  const double x = 1 / kUnit;
  const double step = 1 + x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5))));
  std::array<uint16_t, 4096> table{};
  double power = 1;
  for (int i = 0; i < 2048; ++i, power *= step) {
    const auto p = static_cast<uint32_t>(65536 * power / (1 + power));
    const uint32_t clamped = p > 65535 ? 65535 : p;
    table[static_cast<size_t>(2048 + i)] = static_cast<uint16_t>(clamped);
    if (i > 0) table[static_cast<size_t>(2048 - i)] = static_cast<uint16_t>(65536 - clamped);
  }
  table[0] = table[1];
  return table;
}
inline constexpr std::array<uint16_t, 4096> kSquash = MakeSquash();

constexpr std::array<int16_t, 4096> MakeStretch() {
  std::array<int16_t, 4096> table{};
  int next = 0;
  for (int x = -kLimit; x <= kLimit; ++x) {
    const int upto = kSquash[static_cast<size_t>(x + 2048)] >> 4;
    for (; next <= upto; ++next) table[static_cast<size_t>(next)] = static_cast<int16_t>(x);
  }
  for (; next < 4096; ++next) table[static_cast<size_t>(next)] = kLimit;
  return table;
}
inline constexpr std::array<int16_t, 4096> kStretch = MakeStretch();

// From and to 16-bit probabilities, 1 to 65535.
constexpr int Stretch(uint32_t p) { return kStretch[p >> 4]; }
constexpr uint32_t Squash(int x) {
  return kSquash[static_cast<size_t>((x > kLimit ? kLimit : (x < -kLimit ? -kLimit : x)) + 2048)];
}

constexpr std::array<uint16_t, 256> MakeRates() {
  std::array<uint16_t, 256> rates{};
  for (size_t n = 0; n < rates.size(); ++n)
    rates[n] = static_cast<uint16_t>(65536 / (static_cast<double>(n) + 1.6));
  return rates;
}
inline constexpr std::array<uint16_t, 256> kRates = MakeRates();

}  // namespace logistic

// The probability of a one in one context: at first the mean of what was seen, later a moving one.
class AdaptiveBit {
 public:
  // 16 bits, from 1 to 65535.
  uint32_t one() const {
    const uint32_t p = state_ >> 16;
    return p == 0 ? 1 : p;
  }
  void Update(bool bit, uint32_t limit) {
    const uint32_t count = state_ & 0xff;
    const int64_t p = state_ >> 8;
    const int64_t target = bit ? (1 << 24) - 1 : 0;
    const int64_t updated = p + ((target - p) * logistic::kRates[count]) / 65536;
    state_ = static_cast<uint32_t>(updated) << 8 | (count < limit ? count + 1 : limit);
  }

 private:
  uint32_t state_ = 1u << 31;  // 24 bits of probability, 8 bits of how often it was seen
};

// Codes a bit with one context.
template <typename Coder>
bool CodeBit(Coder& coder, AdaptiveBit& context, bool bit, uint32_t limit = 60) {
  bit = coder.Bit(bit, context.one());
  context.Update(bit, limit);
  return bit;
}

// Weights for up to N contexts. Codes a bit with all of them.
template <size_t N>
class Mixer {
 public:
  Mixer() { weights_.fill((1 << 16) * 2 / (static_cast<int>(N) + 3)); }

  template <typename Coder>
  bool Code(Coder& coder, const std::array<AdaptiveBit*, N>& contexts, bool bit, uint32_t limit, int rate) {
    std::array<int, N> inputs;
    int64_t sum = 0;
    for (size_t i = 0; i < N; ++i) {
      inputs[i] = logistic::Stretch(contexts[i]->one());
      sum += static_cast<int64_t>(inputs[i]) * weights_[i];
    }
    const int64_t dot = sum / 65536;
    const uint32_t one = logistic::Squash(static_cast<int>(
        dot > logistic::kLimit ? logistic::kLimit : (dot < -logistic::kLimit ? -logistic::kLimit : dot)));
    bit = coder.Bit(bit, one);
    const int error = (bit ? 65535 : 0) - static_cast<int>(one);
    for (size_t i = 0; i < N; ++i) {
      const int64_t weight = weights_[i] + static_cast<int64_t>(inputs[i]) * error * rate / (1 << 18);
      weights_[i] = static_cast<int32_t>(weight > kMaxWeight ? kMaxWeight
                                                             : (weight < -kMaxWeight ? -kMaxWeight : weight));
      contexts[i]->Update(bit, limit);
    }
    return bit;
  }

 private:
  static constexpr int64_t kMaxWeight = 1 << 21;
  std::array<int32_t, N> weights_;
};

}  // namespace whet::fleet
