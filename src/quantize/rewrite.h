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

// What accuracy recovery has found out for a layer, by the name of its output.
struct LayerCorrections {
  // Added to the bias, which is made if there is none.
  std::map<std::string, std::vector<float>> bias;
  // Weights in place of plain rounding.
  std::map<std::string, QuantizedTensor> weights;
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
};

struct QuantizedGraph {
  std::unique_ptr<Graph> graph;
  // The nodes of the prepared Graph in their order.
  std::vector<QuantizedLayer> layers;
  std::vector<std::string> warnings;
};

// `graph` is prepared and stays as it is. Verified.
Result<QuantizedGraph> Rewrite(const Graph& graph, const Assignment& assignment, const SchemeOptions& options,
                               const LayerCorrections& corrections);

// The integers that a weighted node's weights become; empty values where the scheme leaves them in floating
// point.
QuantizedTensor WeightsOf(const Node& node, Scheme scheme, const SchemeOptions& options, float input_scale,
                          std::span<const float> bias);

}  // namespace whet::quantize
