// Decides, for a prepared Graph, which nodes are quantized, how, and with which parameters.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/calibration.h"
#include "quantize/op_rules.h"
#include "quantize/scheme.h"

namespace whet::quantize {

// A scheme for the nodes whose name, or whose output's name, matches the pattern: * stands for any
// characters.
struct LayerScheme {
  std::string pattern;
  Scheme scheme = Scheme::kFloat;
};
bool Matches(std::string_view pattern, std::string_view name);

// What a search has chosen for a layer.
struct LayerChoice {
  Scheme scheme = Scheme::kFloat;
  std::string why;  // for NodeAssignment::why_float
};

struct SchemeOptions {
  Scheme scheme = Scheme::kInt8;
  // The last that matches counts. One that matches nothing is an error.
  std::vector<LayerScheme> layers;
  // By the name of the node's output; goes before `layers`. Names of no node are ignored.
  std::map<std::string, LayerChoice> outputs;
  Convention convention = Convention::kOnnx;
  // Of 8-bit activations: kU8 or kI8. With Convention::kTflite always kI8.
  DType activation = DType::kU8;
  RangeOptions range;
  // Weight-only schemes.
  int64_t group = 128;
  bool symmetric = true;

  DType ActivationType(Scheme for_scheme) const;
};

// Does one of options.layers match the node?
bool SchemeGiven(const Node& node, const SchemeOptions& options);

// Values of larger magnitude have no range worth quantizing.
inline constexpr float kLargestRange = 1e30F;

struct NodeAssignment {
  Scheme scheme = Scheme::kFloat;
  Rule rule = Rule::kNone;
  uint32_t activations = 0;  // bit i: input i is one
  // The output goes, unquantized, into this node only, which clamps it.
  const Node* clamped_by = nullptr;
  // Why a node that could be quantized is not; empty where nobody would ask.
  std::string why_float;
};

struct Assignment {
  std::unordered_map<const Node*, NodeAssignment> nodes;
  // Of every value that is quantized where it is made, or for all that read it.
  std::unordered_map<const Value*, Parameters> values;
  // Of a node's input that is quantized once more, or differently, or is a constant.
  std::map<std::pair<const Node*, size_t>, Parameters> inputs;
  std::vector<std::string> warnings;

  const NodeAssignment& Of(const Node* node) const { return nodes.at(node); }
  // Of what an activation input of a node that is quantized statically is read as.
  const Parameters& InputParameters(const Node* node, size_t input) const;
  // The value is quantized right where it is made, so that all its readers see it so.
  bool QuantizedAtSource(const Value* value) const;
};

// `calibration` may be null if no scheme in the options is static.
Result<Assignment> Assign(const Graph& graph, const SchemeOptions& options, const Calibration* calibration);

// The values that calibration must watch for any choice of schemes.
std::vector<std::string> WatchedValues(const Graph& graph);

}  // namespace whet::quantize
