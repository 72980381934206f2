// A dimension that may not be known yet: an interval, and a name where the model gives one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

namespace whet {

// lo <= size <= hi. Known exactly when lo == hi. Two dimensions with the same non-empty symbol are equal,
// whatever they are. Arithmetic propagates the bounds (interval arithmetic, saturating) and drops the symbol
// unless the result is the operand.
struct Dim {
  static constexpr int64_t kUnbounded = std::numeric_limits<int64_t>::max() / 4;

  int64_t lo = 0;
  int64_t hi = kUnbounded;
  std::string symbol;

  Dim() = default;                           // nothing is known
  Dim(int64_t size) : lo(size), hi(size) {}  // NOLINT: a number is a dimension
  Dim(int64_t low, int64_t high) : lo(low), hi(high) {}
  static Dim Symbol(std::string name, int64_t low = 0, int64_t high = kUnbounded) {
    Dim dim(low, high);
    dim.symbol = std::move(name);
    return dim;
  }

  bool known() const { return lo == hi; }
  bool bounded() const { return hi < kUnbounded; }
  bool operator==(const Dim& other) const = default;
  // Certainly the same size.
  bool Same(const Dim& other) const {
    return (known() && other.known() && lo == other.lo) || (!symbol.empty() && symbol == other.symbol);
  }
};

inline int64_t SaturatingMul(int64_t a, int64_t b) {
  if (a == 0 || b == 0) return 0;
  int64_t product;
  const bool overflow = __builtin_mul_overflow(a, b, &product);
  if (overflow) return (a < 0) == (b < 0) ? Dim::kUnbounded : -Dim::kUnbounded;
  return std::clamp(product, -Dim::kUnbounded, Dim::kUnbounded);
}
inline int64_t SaturatingAdd(int64_t a, int64_t b) {
  return std::clamp(a + b, -Dim::kUnbounded, Dim::kUnbounded);  // both are within kUnbounded, so no overflow
}

inline Dim operator+(const Dim& a, const Dim& b) {
  if (b.known() && b.lo == 0) return a;
  if (a.known() && a.lo == 0) return b;
  return {SaturatingAdd(a.lo, b.lo), SaturatingAdd(a.hi, b.hi)};
}
inline Dim operator-(const Dim& a, int64_t b) {
  if (b == 0) return a;
  return {SaturatingAdd(a.lo, -b), a.bounded() ? a.hi - b : Dim::kUnbounded};
}
inline Dim operator*(const Dim& a, const Dim& b) {
  if (b.known() && b.lo == 1) return a;
  if (a.known() && a.lo == 1) return b;
  return {SaturatingMul(a.lo, b.lo), SaturatingMul(a.hi, b.hi)};
}
// Divides by a positive number, rounding towards minus infinity.
inline int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }
inline int64_t CeilDiv(int64_t a, int64_t b) { return -FloorDiv(-a, b); }
inline Dim FloorDiv(const Dim& a, int64_t b) {
  if (b == 1) return a;
  return {FloorDiv(a.lo, b), a.bounded() ? FloorDiv(a.hi, b) : Dim::kUnbounded};
}
inline Dim CeilDiv(const Dim& a, int64_t b) {
  if (b == 1) return a;
  return {CeilDiv(a.lo, b), a.bounded() ? CeilDiv(a.hi, b) : Dim::kUnbounded};
}
inline Dim Min(const Dim& a, const Dim& b) {
  if (a.hi <= b.lo) return a;
  if (b.hi <= a.lo) return b;
  return {std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
}
inline Dim Max(const Dim& a, const Dim& b) {
  if (a.lo >= b.hi) return a;
  if (b.lo >= a.hi) return b;
  return {std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
}

// "3", "N", "N[1..32]", "?" or "?[1..32]".
std::string ToString(const Dim& dim);

}  // namespace whet
