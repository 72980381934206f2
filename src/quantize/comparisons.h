// Layers whose values are compared for equality with their largest: what is left of all candidates for a
// point or a box is often decided so.
#pragma once

#include <string>
#include <unordered_map>

#include "ir/graph.h"

namespace whet::quantize {

// In Equal(x, max(x)), with the largest of a neighbourhood (MaxPool) or of all (ReduceMax), few values of x
// are alike in floating point; with 256 steps many are, and all of them are then taken for the largest. So
// what computes x must not be rounded: from the comparison back to the layer with weights, or to a sum. For
// each such node, the comparison's name.
std::unordered_map<const Node*, std::string> NodesBeforeComparisons(const Graph& graph);

}  // namespace whet::quantize
