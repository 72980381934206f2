// The search for mixed precision: which layers must be computed more exactly so that a bound on the model's
// quality holds, at the least cost.
//
// The choice per layer is by Lagrangian relaxation, as in rate-distortion optimization (Shoham and Gersho
// 1988): of each layer's choices only those on the lower convex hull of cost and noise count; the steps along
// all hulls, taken in the order of noise saved per cost, give a sequence of models of which each is the least
// noisy at its cost, if noise adds up. That is an estimate; the quality itself is then measured, along the
// sequence by bisection and at the end layer by layer.
//
// The result depends on nothing but the numbers given and the quality measured. Not thread-safe.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/assignment.h"
#include "quantize/quantizer.h"
#include "quantize/runner.h"

namespace whet::quantize {

// Layers that change their scheme together: one with weights, or one that is not fed by a single layer, and
// what only it feeds.
struct LayerGroup {
  std::string name;            // of its first node
  std::vector<size_t> layers;  // positions in the prepared Graph, which are those in QuantizedGraph::layers
  bool given = false;          // SchemeOptions::layers decides over one of them
};
// Of all nodes that have a quantized form, in execution order.
std::vector<LayerGroup> GroupLayers(const Graph& prepared, const SchemeOptions& options);

// The layers of the groups under a scheme, to be put into SchemeOptions::outputs.
void ChooseScheme(const Graph& prepared, const LayerGroup& group, const LayerChoice& choice,
                  SchemeOptions* options);

// How much noise the choice for that group alone makes, all other groups being float: on the first `count`
// samples, the sum over the model's outputs of noise to signal.
Result<double> NoiseOf(Quantizer& quantizer, const std::vector<LayerGroup>& groups, size_t group,
                       Scheme scheme, ModelRunner& runner, SampleSource& samples, size_t count);

struct Choice {
  Scheme scheme = Scheme::kFloat;
  double cost = 0;   // milliseconds or bytes: of one kind in the whole search
  double noise = 0;  // of the model's outputs when only this group is so; of one kind in the whole search
};

// For each group the choice taken, as position in its list.
using Chosen = std::vector<size_t>;

struct SearchOptions {
  // Of each group, the cheapest intended choice first; not empty.
  std::vector<std::vector<Choice>> choices;
  // How much worse the model is than the float one; called once for each model that is tried.
  std::function<Result<double>(const Chosen& chosen)> drop;
  double max_drop = 0;
  // At most so many models are tried after the bisection, to take back what turns out not to be needed.
  size_t refinements = 24;
};

struct SearchResult {
  Chosen chosen;
  double drop = 0;
  bool holds = false;  // if not, `chosen` is the most exact model there is, and `drop` what it loses
  size_t tried = 0;
};
Result<SearchResult> SearchPrecision(const SearchOptions& options);

}  // namespace whet::quantize
