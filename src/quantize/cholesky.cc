#include "quantize/cholesky.h"

#include <algorithm>
#include <cmath>

namespace whet::quantize {
namespace {

// Rows that are worked on together, so that what they have in common is read from memory once.
constexpr size_t kBlock = 32;

// to -= factor * from
void Subtract(double factor, const double* from, double* to, size_t count) {
  for (size_t i = 0; i < count; ++i) to[i] -= factor * from[i];
}

}  // namespace

bool ReverseCholesky(std::vector<double>& matrix, size_t n) {
  for (size_t end = n; end > 0;) {
    const size_t begin = end > kBlock ? end - kBlock : 0;
    for (size_t k = end; k-- > begin;) {
      double* row = matrix.data() + k * n;
      // Not (pivot <= 0), which a NaN would pass.
      if (!(row[k] > 0) || !std::isfinite(row[k])) return false;
      const double root = std::sqrt(row[k]);
      for (size_t i = 0; i <= k; ++i) row[i] /= root;
      for (size_t j = begin; j < k; ++j) Subtract(row[j], row, matrix.data() + j * n, j + 1);
    }
    for (size_t j = 0; j < begin; ++j) {
      for (size_t k = begin; k < end; ++k) {
        Subtract(matrix[k * n + j], matrix.data() + k * n, matrix.data() + j * n, j + 1);
      }
    }
    end = begin;
  }
  for (size_t i = 0; i < n; ++i) std::fill_n(matrix.data() + i * n + i + 1, n - i - 1, 0.0);
  return true;
}

std::vector<double> InvertLowerTriangle(const std::vector<double>& matrix, size_t n) {
  std::vector<double> inverse(n * n, 0);
  for (size_t begin = 0; begin < n; begin += kBlock) {
    const size_t end = std::min(n, begin + kBlock);
    for (size_t i = begin; i < end; ++i) inverse[i * n + i] = 1;
    for (size_t k = 0; k < begin; ++k) {
      for (size_t i = begin; i < end; ++i) {
        Subtract(matrix[i * n + k], inverse.data() + k * n, inverse.data() + i * n, k + 1);
      }
    }
    for (size_t i = begin; i < end; ++i) {
      double* row = inverse.data() + i * n;
      for (size_t k = begin; k < i; ++k) Subtract(matrix[i * n + k], inverse.data() + k * n, row, k + 1);
      const double own = matrix[i * n + i];
      for (size_t j = 0; j <= i; ++j) row[j] /= own;
    }
  }
  return inverse;
}

}  // namespace whet::quantize
