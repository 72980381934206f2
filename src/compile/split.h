// Cuts an optimized Graph where shapes begin to depend on data.
#pragma once

#include <cstddef>
#include <memory>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

struct SplitGraph {
  // What can be planned: nodes of which every shape is known, and all that they are computed from. Its
  // outputs are what `rest` reads of it. Null if there is no such node, or none that `rest` depends on.
  std::unique_ptr<Graph> front;
  // All other nodes, and the model's outputs. Its inputs are called as in the model: values of `front`, and
  // inputs of the model. It has no states.
  std::unique_ptr<Graph> rest;
  size_t front_nodes = 0;
  size_t rest_nodes = 0;
};

// `graph` is what Optimize returns. kUnsupported if a state depends on data in its shape.
Result<SplitGraph> SplitWhereDataDecidesShapes(const Graph& graph);

}  // namespace whet
