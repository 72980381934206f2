// AWQ: Lin, Tang, Tang, Yang, Chen, Wang, Xiao, Dang, Gan, Han, "AWQ: Activation-aware Weight Quantization
// for On-Device LLM Compression and Acceleration", MLSys 2024 (arXiv 2306.00978).
#pragma once

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/assignment.h"
#include "quantize/calibration.h"
#include "quantize/runner.h"

namespace whet::quantize {

struct AwqOptions {
  Scheme scheme = Scheme::kWeight4;  // kWeight8 or kWeight4
  int64_t group = 128;
  bool symmetric = true;
  // Exponents that are tried lie in [0, 1], so many steps apart.
  int steps = 10;
  // Of each layer, so many outputs, evenly spread, decide.
  int64_t most_rows = 64;
  // Sites whose layers have more columns are left alone: their moments would take too much memory.
  int64_t most_columns = 6144;
  uint64_t memory_limit = uint64_t{256} << 20;
  // Biases will be corrected, so that errors of an output's mean do not count.
  bool centered = false;
  ProgressFn progress;
};

struct AwqResult {
  int scaled = 0;  // values
  int tried = 0;
};

// Channels with large activations should have their weights rounded with less error: their weights are
// multiplied by s_j = m_j^a, with m_j the channel's root mean square (or deviation, if `centered`), and the
// channel is divided by it where it is made, by a normalization, a product or a convolution. Of the exponents
// a, that is taken which leaves the least error in the outputs of the layers that read the value; with 0 all
// stays as it is. The Graph is a prepared one and computes the same as before, up to rounding.
Result<AwqResult> ScaleByActivations(Graph& graph, ModelRunner& runner, SampleSource& samples,
                                     const AwqOptions& options);

}  // namespace whet::quantize
