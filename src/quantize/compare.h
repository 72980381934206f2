// What quantization costs each layer, in numbers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/calibration.h"
#include "quantize/rewrite.h"
#include "quantize/runner.h"

namespace whet::quantize {

// Sums over all values of all samples, of one tensor before (f) and after (q).
struct ErrorSums {
  double ff = 0;
  double qq = 0;
  double fq = 0;
  double noise = 0;  // of (f - q)^2

  void Add(const TensorView& before, const TensorView& after);
  // Signal to quantization noise ratio in decibels: 10 log10(sum f^2 / sum (f - q)^2); infinite without
  // noise.
  double Sqnr() const;
  // Of the angle between the two; 1 if both are 0.
  double Cosine() const;
};

struct LayerError {
  size_t layer = 0;  // index into QuantizedGraph::layers
  // The layer by itself: fed with the float model's values, its own output quantized.
  ErrorSums isolated;
  // With all layers before it quantized as well.
  ErrorSums accumulated;
  // Of the integers that the layer's output can take, the part that lies between the least and the largest
  // value seen; and the part of the values seen that lie beyond them and are clipped. 0 where it is not
  // quantized.
  double range_used = 0;
  double clipped = 0;
};

struct OutputError {
  std::string name;
  ErrorSums error;
};

struct ComparisonOptions {
  size_t samples = 16;
  // Layers whose values take more memory in all are compared in several passes.
  uint64_t memory_limit = uint64_t{128} << 20;
  ProgressFn progress;
};

struct Comparison {
  size_t samples = 0;
  std::vector<LayerError> layers;    // those that are not float, and all weighted ones
  std::vector<OutputError> outputs;  // the model's own, of floating type
};

Result<Comparison> Compare(const Graph& prepared, const QuantizedGraph& quantized,
                           const Calibration* calibration, ModelRunner& runner, SampleSource& samples,
                           const ComparisonOptions& options);

// The errors of the model's outputs only, on the first samples: a fast measure of how much a choice of
// schemes costs.
Result<std::vector<OutputError>> CompareOutputs(const Graph& reference, const Graph& other,
                                                ModelRunner& runner, SampleSource& samples, size_t count);

// The prepared Graph and, beside it, each of the layers `which` of the quantized one by itself, reading the
// float values. The graph's outputs are: for each layer its float output, then its quantized one.
Result<std::unique_ptr<Graph>> IsolateLayers(const Graph& prepared, const QuantizedGraph& quantized,
                                             std::span<const size_t> which);

}  // namespace whet::quantize
