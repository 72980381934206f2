// GPTQ: Frantar, Ashkboos, Hoefler, Alistarh, "GPTQ: Accurate Post-Training Quantization for Generative
// Pre-trained Transformers", ICLR 2023 (arXiv 2210.17323).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quantize/rounding.h"

namespace whet::quantize {

struct GptqOptions {
  // Of the mean moment, added to each input's own: moments of few samples are singular.
  double dampening = 0.01;
  // Begins with the inputs that matter most, while there are many weights left to make good for them.
  bool activation_order = true;
  // Columns after which the weights that are still to come are updated.
  int64_t block = 64;
};

// The inputs of one group, for all layers that read them. Made in columns^3 steps.
class GptqInputs {
 public:
  // `moments` are [columns][columns], finite.
  GptqInputs(std::span<const float> moments, int64_t columns, const GptqOptions& options);

  // Of each column, what an error of its weight costs once all others make good for it as well as they can:
  // 1 over the diagonal of the moments' inverse. With it, scales are chosen. All 0 if all inputs always are.
  const std::vector<float>& importance() const { return importance_; }

  // Rounds column by column, and lets the columns still to come make good for what each rounding does to the
  // output. Rows for which the nearest integers are better have those. Takes columns^2 * rows steps.
  std::vector<int32_t> Round(const RoundingProblem& problem) const;

 private:
  GptqOptions options_;
  size_t columns_;
  std::vector<size_t> order_;  // in which columns are rounded
  // Lower triangular V with V V' the inverse of the dampened moments, in that order; empty if there is none.
  std::vector<double> factor_;
  std::vector<float> importance_;
};

}  // namespace whet::quantize
