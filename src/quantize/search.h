// Mixed precision: as many layers quantized as a bound on the loss of accuracy allows.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/quantizer.h"

namespace whet::quantize {

struct SearchOptions {
  // How far the metric may fall below the float model's, in the metric's own unit.
  double max_drop = 0;
  // The larger the better.
  std::function<Result<double>(const Graph& graph)> metric;
  // Milliseconds of each node of both Graphs, by name, measured in turns; and of whole runs.
  struct Latency {
    double float_ms = 0;
    double quantized_ms = 0;
    std::map<std::string, double> float_nodes;
    std::map<std::string, double> quantized_nodes;
  };
  std::function<Result<Latency>(const Graph& float_graph, const Graph& quantized)> latency;
  // Samples on which a layer's effect on the outputs is measured.
  size_t sensitivity_samples = 8;
  ProgressFn progress;
};

struct SearchTrial {
  std::vector<std::string> kept_float;  // names of nodes
  double metric = 0;
  double milliseconds = 0;
};

struct SearchResult {
  QuantizedGraph quantized;
  bool holds = false;
  double float_metric = 0;
  double metric = 0;
  // Nodes left float since their integers were measured to be slower, and those left for accuracy.
  std::vector<std::string> slower;
  std::vector<std::string> sensitive;
  std::vector<SearchTrial> trials;
};

// 1. Everything is quantized and both models are measured. Layers that are slower with integers are left
// float.
// 2. If the metric does not hold, each weighted layer is quantized alone, and the noise that this makes at
// the
//    model's outputs is measured. Layers are ordered by noise taken away for each millisecond lost.
// 3. The shortest beginning of that order with which the bound holds, found by halving, is left float; then
// each
//    of these is tried quantized again, the one that gains most time first.
// Without one, `holds` is false and the result is the best that was found.
Result<SearchResult> SearchMixedPrecision(Quantizer& quantizer, ModelRunner& runner, SampleSource& samples,
                                          const SearchOptions& options);

// The time of a layer's node and of what quantizes its operands and result, in a Graph that Rewrite made.
double LayerMilliseconds(const std::map<std::string, double>& nodes, const QuantizedLayer& layer);

}  // namespace whet::quantize
