// Puts QuantizeLinear and DequantizeLinear into a Graph as an Assignment says.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/assignment.h"
#include "quantize/weights.h"

namespace whet::quantize {

// Weights that were rounded with the layer's inputs in mind.
struct RecoveredWeights {
  QuantizedTensor weights;
  // Mean square of what rounding adds to the layer's outputs: to the nearest integers, and to these.
  double error_before = 0;
  double error_after = 0;

  double Gain() const;  // in decibels
};

// What accuracy recovery has found out for a layer, by the name of its output.
struct LayerCorrections {
  // Added to the bias, which is made if there is none.
  std::map<std::string, std::vector<float>> bias;
  // In place of plain rounding.
  std::map<std::string, RecoveredWeights> weights;
};

struct QuantizedLayer {
  std::string node;
  std::string op;
  std::string output;  // the value's name in the prepared Graph
  // In the quantized Graph, the value that holds the same as real numbers, as its readers see it.
  std::string dequantized;
  Scheme scheme = Scheme::kFloat;
  std::string why_float;
  bool weighted = false;
  // Of weighted layers, before and after, scales and zero points included.
  uint64_t float_bytes = 0;
  uint64_t bytes = 0;
  // By how many decibels less noise the weights add than rounded to the nearest; 0 where they are.
  double rounding_gain = 0;
};

struct QuantizedGraph {
  std::unique_ptr<Graph> graph;
  // The nodes of the prepared Graph in their order.
  std::vector<QuantizedLayer> layers;
  std::vector<std::string> warnings;
  // What accuracy recovery did, for people to read.
  std::vector<std::string> notes;
};

// `graph` is prepared and stays as it is. Verified.
Result<QuantizedGraph> Rewrite(const Graph& graph, const Assignment& assignment, const SchemeOptions& options,
                               const LayerCorrections& corrections);

// The integers that a weighted node's weights become; empty values where the scheme leaves them in floating
// point. `importance`, one number a weight or nothing, is for the scales of groups.
QuantizedTensor WeightsOf(const Node& node, Scheme scheme, const SchemeOptions& options, float input_scale,
                          std::span<const float> bias, std::span<const float> importance = {});

}  // namespace whet::quantize
