// Cross-layer equalization: Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight
// Equalization and Bias Correction", ICCV 2019, section 4.1.
#pragma once

#include "base/status.h"
#include "ir/graph.h"

namespace whet::quantize {

// Where a convolution feeds only another one, with at most a Relu, LeakyRelu or PRelu between them, scaling
// an output channel of the first by 1/s and the weights of the second that read it by s changes nothing. s is
// chosen so that both have the same range: sqrt(r1 / r2), repeated until it changes little. Returns how many
// pairs of layers were equalized. The Graph is a prepared one and computes the same as before, up to
// rounding.
Result<int> EqualizeLayers(Graph& graph);

}  // namespace whet::quantize
