// The discrete Fourier transform, written out.
#pragma once

#include <cmath>
#include <complex>
#include <numbers>
#include <span>
#include <vector>

namespace whet::ops {

// Transforms of one length: a table of its roots of unity, and the sum.
class Fourier {
 public:
  Fourier(int64_t length, bool inverse) : inverse_(inverse), roots_(static_cast<size_t>(length)) {
    const double turn = (inverse ? 2 : -2) * std::numbers::pi / static_cast<double>(length);
    for (size_t k = 0; k < roots_.size(); ++k) roots_[k] = std::polar(1.0, turn * static_cast<double>(k));
  }

  // Coefficient `k` of a signal of the transform's length.
  std::complex<double> Coefficient(std::span<const std::complex<double>> signal, int64_t k) const {
    std::complex<double> sum = 0;
    size_t root = 0;
    for (const std::complex<double>& value : signal) {
      sum += value * roots_[root];
      root = (root + static_cast<size_t>(k)) % roots_.size();
    }
    return inverse_ ? sum / static_cast<double>(roots_.size()) : sum;
  }

 private:
  bool inverse_;
  std::vector<std::complex<double>> roots_;
};

}  // namespace whet::ops
