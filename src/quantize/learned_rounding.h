// Learned rounding, the problem of Nagel, Amjad, van Baalen, Louizos, Blankevoort, "Up or Down? Adaptive
// Rounding for Post-Training Quantization", ICML 2020 (arXiv 2004.10568): of all integers near the weights,
// those with which a layer's output comes closest to the float one. The paper relaxes the problem to real
// numbers and descends along gradients for thousands of steps. Here the second moments of the inputs are at
// hand, which say exactly what every step up or down costs, alone and together with another one.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "quantize/rounding.h"

namespace whet::quantize {

// From the integers given, with the scales as they are, down to where no step up or down of one weight of a
// row, nor of two together, lowers the row's error, or so many sweeps over the row are done. Each takes
// columns^2 steps.
void LearnRounding(const RoundingProblem& problem, int sweeps, std::vector<int32_t>* integers);

// The scales with which the integers, as they are, bring the outputs closest to the float ones. All weights
// of a row whose columns have the same number in `scale_of` share one, and `stored` rounds it to what can be
// stored. A row without a better choice keeps what it has. Takes columns^2 steps a row.
void LearnScales(std::span<const int32_t> scale_of, std::span<const int32_t> integers,
                 const std::function<float(double)>& stored, RoundingProblem* problem);

}  // namespace whet::quantize
