#include "quantize/learned_rounding.h"

#include <algorithm>
#include <cmath>

#include "quantize/cholesky.h"

namespace whet::quantize {
namespace {

// One row while it is worked on.
class Row {
 public:
  Row(const RoundingProblem& problem, size_t row, std::span<const int32_t> integers)
      : problem_(problem),
        row_(row),
        columns_(static_cast<size_t>(problem.columns)),
        integers_(columns_),
        gradient_(columns_, 0.0F) {
    const auto rows = static_cast<size_t>(problem.rows);
    for (size_t k = 0; k < columns_; ++k) {
      squares_.push_back(problem.moments[k * columns_ + k]);
      const size_t i = k * rows + row;
      integers_[k] = integers[i];
      const float off = problem.weights[i] - problem.Real(i, integers[i]);
      Add(k, off);
    }
    for (size_t k = 0; k < columns_; ++k) {
      const size_t i = k * rows + row;
      error_ += static_cast<double>(gradient_[k]) *
                static_cast<double>(problem.weights[i] - problem.Real(i, integers[i]));
    }
  }

  const std::vector<int32_t>& integers() const { return integers_; }

  // For each weight, one step up or down if it lowers the error. Returns whether any did.
  bool Sweep() {
    bool changed = false;
    for (size_t k = 0; k < columns_; ++k) {
      if (squares_[k] <= 0) continue;
      const float scale = ScaleOf(k);
      // One step up takes `scale` off what the weight is short of.
      const float slope = 2 * scale * gradient_[k];
      const int step = slope > 0 ? 1 : -1;
      const auto cost = static_cast<double>(scale * scale * squares_[k] - std::abs(slope));
      if (cost >= -LeastGain(cost) || !Allowed(k, step)) continue;
      Take(k, step);
      error_ += cost;
      changed = true;
    }
    return changed;
  }

  // For each weight, one step up or down together with the step of another weight that goes best with it, if
  // both lower the error. Returns whether any did.
  bool SweepPairs() {
    bool changed = false;
    for (size_t k = 0; k < columns_; ++k) {
      for (const int step : {1, -1}) {
        if (!Allowed(k, step) || squares_[k] <= 0) continue;
        const float shift = static_cast<float>(step) * ScaleOf(k);
        const float* moments = problem_.moments.data() + k * columns_;
        const double own = static_cast<double>(shift * (shift * moments[k] - 2 * gradient_[k]));
        double least = 0;
        size_t other = columns_;
        int other_step = 0;
        for (size_t j = 0; j < columns_; ++j) {
          const float scale = ScaleOf(j);
          const float slope = 2 * scale * (gradient_[j] - shift * moments[j]);
          const double cost = static_cast<double>(scale * scale * squares_[j] - std::abs(slope));
          if (cost >= least || j == k || !Allowed(j, slope > 0 ? 1 : -1)) continue;
          least = cost;
          other = j;
          other_step = slope > 0 ? 1 : -1;
        }
        if (other == columns_ || own + least >= -LeastGain(own)) continue;
        Take(k, step);
        Take(other, other_step);
        error_ += own + least;
        changed = true;
      }
    }
    return changed;
  }

 private:
  // Less than that is rounding of the sums.
  double LeastGain(double cost) const { return 1e-6 * (std::max(error_, 0.0) + std::abs(cost)); }
  float ScaleOf(size_t k) const { return problem_.scales[k * static_cast<size_t>(problem_.rows) + row_]; }
  bool Allowed(size_t k, int step) const {
    const auto next = static_cast<float>(integers_[k] + step);
    return next >= problem_.least && next <= problem_.largest;
  }
  void Take(size_t k, int step) {
    integers_[k] += step;
    Add(k, static_cast<float>(-step) * ScaleOf(k));
  }
  // Weight k is short of so much more.
  void Add(size_t k, float difference) {
    const float* moments = problem_.moments.data() + k * columns_;
    for (size_t j = 0; j < columns_; ++j) gradient_[j] += difference * moments[j];
  }

  const RoundingProblem& problem_;
  size_t row_;
  size_t columns_;
  std::vector<int32_t> integers_;
  std::vector<float> squares_;   // the moments' diagonal
  std::vector<float> gradient_;  // the moments times what each weight is short of
  double error_ = 0;
};

}  // namespace

void LearnRounding(const RoundingProblem& problem, int sweeps, std::vector<int32_t>* integers) {
  const auto rows = static_cast<size_t>(problem.rows);
  std::vector<int32_t> found = *integers;
  for (size_t r = 0; r < rows; ++r) {
    Row row(problem, r, *integers);
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      const bool single = row.Sweep();
      if (!row.SweepPairs() && !single) break;
    }
    for (size_t k = 0; k < row.integers().size(); ++k) found[k * rows + r] = row.integers()[k];
  }
  KeepBetterRows(problem, found, integers);
}

void LearnScales(std::span<const int32_t> scale_of, std::span<const int32_t> integers,
                 const std::function<float(double)>& stored, RoundingProblem* problem) {
  const std::vector<double> errors_before = RowErrors(*problem, integers);
  const std::vector<float> scales_before = problem->scales;
  const auto rows = static_cast<size_t>(problem->rows);
  const auto columns = static_cast<size_t>(problem->columns);
  const auto count = static_cast<size_t>(*std::ranges::max_element(scale_of)) + 1;
  // With a column q_s for each scale, of its integers and else 0: (Q' H Q) scales = Q' H weights.
  for (size_t r = 0; r < rows; ++r) {
    std::vector<double> matrix(count * count, 0), wanted(count, 0), before(count, 0), product(count);
    for (size_t i = 0; i < columns; ++i) {
      std::ranges::fill(product, 0.0);
      double weights = 0;
      for (size_t j = 0; j < columns; ++j) {
        const auto moment = static_cast<double>(problem->moments[i * columns + j]);
        const size_t at = j * rows + r;
        weights += moment * static_cast<double>(problem->weights[at]);
        product[static_cast<size_t>(scale_of[j])] +=
            moment * static_cast<double>(static_cast<float>(integers[at]) - problem->zeros[at]);
      }
      const size_t at = i * rows + r;
      const auto own = static_cast<size_t>(scale_of[i]);
      const auto q = static_cast<double>(static_cast<float>(integers[at]) - problem->zeros[at]);
      before[own] = static_cast<double>(problem->scales[at]);
      wanted[own] += q * weights;
      for (size_t s = 0; s < count; ++s) matrix[own * count + s] += q * product[s];
    }
    double trace = 0;
    for (size_t s = 0; s < count; ++s) trace += matrix[s * count + s];
    if (trace <= 0) continue;
    // What the moments say little about stays near where it is.
    const double hold = 1e-3 * trace / static_cast<double>(count);
    for (size_t s = 0; s < count; ++s) {
      matrix[s * count + s] += hold;
      wanted[s] += hold * before[s];
    }
    if (!ReverseCholesky(matrix, count)) continue;
    const std::vector<double> inverse = InvertLowerTriangle(matrix, count);
    // The matrix is T' T, so its inverse V V' with V that of T.
    std::vector<double> half(count, 0), scales(count, 0);
    for (size_t j = 0; j < count; ++j) {
      for (size_t i = j; i < count; ++i) half[j] += inverse[i * count + j] * wanted[i];
    }
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j <= i; ++j) scales[i] += inverse[i * count + j] * half[j];
    }
    // A scale that turns its sign, or leaves the region of the old one, is the noise of the moments.
    const bool sound = [&] {
      for (size_t s = 0; s < count; ++s) {
        if (!(scales[s] > 0.5 * before[s] && scales[s] < 2 * before[s])) return false;
      }
      return true;
    }();
    if (!sound) continue;
    for (size_t k = 0; k < columns; ++k) {
      problem->scales[k * rows + r] = stored(scales[static_cast<size_t>(scale_of[k])]);
    }
  }
  const std::vector<double> errors_after = RowErrors(*problem, integers);
  for (size_t r = 0; r < rows; ++r) {
    if (errors_after[r] < errors_before[r]) continue;
    for (size_t i = r; i < problem->size(); i += rows) problem->scales[i] = scales_before[i];
  }
}

}  // namespace whet::quantize
