#include "quantize/gptq.h"

#include <algorithm>
#include <numeric>

#include "quantize/cholesky.h"

namespace whet::quantize {

GptqInputs::GptqInputs(std::span<const float> moments, int64_t columns, const GptqOptions& options)
    : options_(options),
      columns_(static_cast<size_t>(columns)),
      order_(columns_),
      importance_(columns_, 0.0F) {
  const size_t n = columns_;
  std::iota(order_.begin(), order_.end(), size_t{0});
  if (options.activation_order) {
    std::ranges::stable_sort(order_,
                             [&](size_t a, size_t b) { return moments[a * n + a] > moments[b * n + b]; });
  }
  double sum = 0;
  size_t used = 0;
  for (size_t i = 0; i < n; ++i) {
    sum += static_cast<double>(moments[i * n + i]);
    used += moments[i * n + i] > 0 ? 1U : 0U;
  }
  if (used == 0) return;
  const double mean = sum / static_cast<double>(used);
  // Enough dampening makes every matrix of moments positive definite; rounding may ask for more than once.
  for (double damp = options.dampening; damp <= 10 && factor_.empty(); damp = std::max(damp * 10, 1e-4)) {
    std::vector<double> matrix(n * n);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        matrix[i * n + j] = static_cast<double>(moments[order_[i] * n + order_[j]]);
      }
      // Inputs that were always 0 tell nothing: their weights are independent of all others.
      matrix[i * n + i] = matrix[i * n + i] > 0 ? matrix[i * n + i] + damp * mean : mean;
    }
    if (ReverseCholesky(matrix, n)) factor_ = InvertLowerTriangle(matrix, n);
  }
  for (size_t i = 0; i < n && !factor_.empty(); ++i) {
    double own = 0;
    for (size_t j = 0; j <= i; ++j) own += factor_[i * n + j] * factor_[i * n + j];
    importance_[order_[i]] = static_cast<float>(1 / own);
  }
}

std::vector<int32_t> GptqInputs::Round(const RoundingProblem& problem) const {
  const auto rows = static_cast<size_t>(problem.rows);
  const size_t n = columns_;
  std::vector<int32_t> nearest = RoundToNearest(problem);
  if (factor_.empty()) return nearest;
  std::vector<float> weights = problem.weights;
  std::vector<int32_t> integers(problem.size());
  const auto block = static_cast<size_t>(std::max<int64_t>(options_.block, 1));
  std::vector<float> errors(std::min(block, n) * rows);
  const auto update = [&](size_t column, const float* error, size_t by) {
    const auto factor = static_cast<float>(factor_[column * n + by]);
    float* to = weights.data() + order_[column] * rows;
    for (size_t r = 0; r < rows; ++r) to[r] -= factor * error[r];
  };
  for (size_t begin = 0; begin < n; begin += block) {
    const size_t end = std::min(n, begin + block);
    for (size_t c = begin; c < end; ++c) {
      float* error = errors.data() + (c - begin) * rows;
      const auto own = static_cast<float>(factor_[c * n + c]);
      for (size_t r = 0; r < rows; ++r) {
        const size_t i = order_[c] * rows + r;
        integers[i] = static_cast<int32_t>(problem.Nearest(i, weights[i]));
        error[r] = (weights[i] - problem.Real(i, integers[i])) / own;
      }
      for (size_t j = c + 1; j < end; ++j) update(j, error, c);
    }
    for (size_t j = end; j < n; ++j) {
      for (size_t c = begin; c < end; ++c) update(j, errors.data() + (c - begin) * rows, c);
    }
  }
  KeepBetterRows(problem, nearest, &integers);
  return integers;
}

}  // namespace whet::quantize
