#include "quantize/rounding.h"

#include <algorithm>
#include <cmath>

namespace whet::quantize {

float RoundingProblem::Nearest(size_t i, float weight) const {
  return std::clamp(std::nearbyint(weight / scales[i] + zeros[i]), least, largest);
}

std::vector<int32_t> RoundToNearest(const RoundingProblem& problem) {
  std::vector<int32_t> integers(problem.size());
  for (size_t i = 0; i < integers.size(); ++i) {
    integers[i] = static_cast<int32_t>(problem.Nearest(i, problem.weights[i]));
  }
  return integers;
}

std::vector<double> RowErrors(const RoundingProblem& problem, std::span<const int32_t> integers) {
  const auto rows = static_cast<size_t>(problem.rows);
  const auto columns = static_cast<size_t>(problem.columns);
  std::vector<float> errors(problem.size());
  for (size_t i = 0; i < errors.size(); ++i) errors[i] = problem.weights[i] - problem.Real(i, integers[i]);
  std::vector<double> sums(rows, 0);
  std::vector<float> products(rows);
  for (size_t j = 0; j < columns; ++j) {
    std::fill(products.begin(), products.end(), 0.0F);
    for (size_t k = 0; k < columns; ++k) {
      const float moment = problem.moments[j * columns + k];
      const float* column = errors.data() + k * rows;
      for (size_t r = 0; r < rows; ++r) products[r] += moment * column[r];
    }
    for (size_t r = 0; r < rows; ++r) {
      sums[r] += static_cast<double>(products[r]) * static_cast<double>(errors[j * rows + r]);
    }
  }
  // Moments have no negative directions; what seems so is rounding.
  for (double& sum : sums) sum = std::max(sum, 0.0);
  return sums;
}

void KeepBetterRows(const RoundingProblem& problem, std::span<const int32_t> other,
                    std::vector<int32_t>* integers) {
  const std::vector<double> own = RowErrors(problem, *integers);
  const std::vector<double> others = RowErrors(problem, other);
  const auto rows = static_cast<size_t>(problem.rows);
  for (size_t r = 0; r < rows; ++r) {
    if (own[r] <= others[r]) continue;
    for (size_t i = r; i < integers->size(); i += rows) (*integers)[i] = other[i];
  }
}

}  // namespace whet::quantize
