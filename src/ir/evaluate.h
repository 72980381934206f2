// Runs a Graph node by node on the operators' references: slow, general (any shape that only the data
// decides, Loop, Scan), and the meaning against which everything else is compared. Constant folding and
// `diff` use it too.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

using TensorPtr = std::shared_ptr<const Constant>;

struct EvaluateOptions {
  // A tensor may not be larger; keeps a lying model from taking all memory.
  uint64_t max_tensor_bytes = uint64_t{1} << 32;
  // Loop stops with an error after as many iterations in total.
  int64_t max_iterations = int64_t{1} << 24;
  // Called after each value of the top graph is computed; may be null.
  void (*observe)(void* context, const Value& value, const TensorPtr& tensor) = nullptr;
  void* observe_context = nullptr;
};

// One evaluation: the values computed so far, of the graph and of those around it.
class GraphEvaluator {
 public:
  explicit GraphEvaluator(const EvaluateOptions& options = {}, GraphEvaluator* outer = nullptr)
      : options_(options), outer_(outer) {}

  // Inputs in the graph's order. Types are checked against the graph's.
  Result<std::vector<TensorPtr>> Run(const Graph& graph, std::span<const TensorPtr> inputs);

  // --- for operators with subgraphs
  // The value of node input i, null if absent.
  TensorPtr Input(const Node& node, size_t i) const;
  void SetOutput(const Node& node, size_t i, TensorPtr tensor);
  Result<std::vector<TensorPtr>> RunSubgraph(const Graph& graph, std::span<const TensorPtr> inputs);
  // Loop calls it once an iteration.
  Status CountIteration();

  // Null if the value has not been computed.
  TensorPtr Get(const Value* value) const;

 private:
  Status RunNode(const Node& node);

  EvaluateOptions options_;
  GraphEvaluator* outer_;
  int64_t iterations_ = 0;
  std::unordered_map<const Value*, TensorPtr> values_;
};

// One node without subgraphs, on concrete inputs (null where absent).
Result<std::vector<TensorPtr>> EvaluateNode(const Node& node, std::span<const TensorPtr> inputs,
                                            const EvaluateOptions& options = {});

}  // namespace whet
