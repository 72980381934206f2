// SmoothQuant: Xiao, Lin, Seznec, Wu, Demouth, Han, "SmoothQuant: Accurate and Efficient Post-Training
// Quantization for Large Language Models", ICML 2023 (arXiv 2211.10438).
#pragma once

#include <cstddef>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/calibration.h"
#include "quantize/runner.h"

namespace whet::quantize {

struct SmoothOptions {
  // How much of a channel's reach goes from the activations into the weights: 0 none, 1 all.
  double strength = 0.5;
  ProgressFn progress;
};

// Behind a normalization some channels are far larger than the others, and with one range for all of them
// little of it is left for the rest. Where only products and convolutions read what a normalization gives
// out, channel j is divided by s_j = (its largest value seen)^strength / (the largest weight that reads
// it)^(1 - strength), in the normalization's own parameters, and the weights are multiplied by it. The Graph
// is a prepared one and computes the same as before, up to rounding. Returns how many values were smoothed.
Result<int> SmoothActivations(Graph& graph, ModelRunner& runner, SampleSource& samples,
                              const SmoothOptions& options);

}  // namespace whet::quantize
