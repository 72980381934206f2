// What `run`, `bench`, `diff` and `conformance` run a model on.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/status.h"
#include "ir/evaluate.h"
#include "ir/graph.h"

namespace whet::cli {

class Engine {
 public:
  virtual ~Engine() = default;
  // Inputs in the graph's order, of the shapes that the engine was made for; outputs likewise.
  virtual Result<std::vector<TensorPtr>> Run(std::span<const TensorPtr> inputs) = 0;
};

// The operators' references, node by node: slow, and the meaning of the model. `graph` must outlive it.
std::unique_ptr<Engine> MakeReferenceEngine(const Graph& graph);

}  // namespace whet::cli
