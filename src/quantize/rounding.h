// To which integers the weights of a layer are rounded, and what that costs at the layer's output.
//
// With the error d of a row of weights, a layer's output is off by d x for the inputs x; its mean square over
// samples is d' H d with H the mean of x x', the second moments of the inputs. Where inputs are correlated,
// the nearest integers are not the best ones: an error up can make good for another one down.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace whet::quantize {

// The weights of one group of a layer, the steps they may be rounded to, and the moments of its inputs. All
// weights of a column lie together: [columns][rows], likewise scales and zero points. A weight becomes an
// integer q of least … largest and stands for (q - zero) * scale.
struct RoundingProblem {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<float> weights;
  std::vector<float> scales;
  std::vector<float> zeros;
  float least = -127;
  float largest = 127;
  std::span<const float> moments;  // [columns][columns], symmetric, finite

  size_t size() const { return weights.size(); }
  float Nearest(size_t i, float weight) const;
  float Real(size_t i, int32_t integer) const { return (static_cast<float>(integer) - zeros[i]) * scales[i]; }
};

std::vector<int32_t> RoundToNearest(const RoundingProblem& problem);

// Of each row, the mean square of the output's error.
std::vector<double> RowErrors(const RoundingProblem& problem, std::span<const int32_t> integers);

// Of rows where `other` has the smaller error, takes that.
void KeepBetterRows(const RoundingProblem& problem, std::span<const int32_t> other,
                    std::vector<int32_t>* integers);

}  // namespace whet::quantize
