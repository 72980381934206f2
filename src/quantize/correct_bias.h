// Empirical bias correction: Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight
// Equalization and Bias Correction", ICCV 2019, section 4.2 and appendix D.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/calibration.h"
#include "quantize/rewrite.h"
#include "quantize/runner.h"

namespace whet::quantize {

struct BiasCorrectionOptions {
  size_t samples = 32;
  ProgressFn progress;
};

// kUnsupported of Graphs with states or subgraphs.
Status CanCorrectBiases(const Graph& prepared);

// Rounding shifts the mean of a layer's output. In the order of execution, each weighted layer that is
// quantized is compared, channel by channel and on the first samples, with what it gives in float, with all
// the layers before it quantized and corrected; what is to be added to its bias is returned by the name of
// its output in the prepared Graph. Each layer runs once a sample: from one to the next the activations of
// all samples are kept in memory.
Result<std::map<std::string, std::vector<float>>> CorrectBiases(const Graph& prepared,
                                                                const QuantizedGraph& quantized,
                                                                ModelRunner& runner, SampleSource& samples,
                                                                const BiasCorrectionOptions& options);

}  // namespace whet::quantize
