// Runs a Graph node by node on the operators' references: slow, general (any shape that only the data
// decides, Loop, Scan), and the meaning against which everything else is compared. Constant folding and
// `diff` use it too.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace whet {

using TensorPtr = std::shared_ptr<const Constant>;

// What a value is in one run: a tensor, a sequence of tensors, or nothing, which an empty optional value is.
// An optional value that is not empty is its content.
class Datum {
 public:
  Datum() = default;
  Datum(TensorPtr tensor) : tensor_(std::move(tensor)) {}
  Datum(std::shared_ptr<Constant> tensor) : tensor_(std::move(tensor)) {}
  static Datum Sequence(std::vector<TensorPtr> elements) {
    Datum datum;
    datum.sequence_ = std::make_shared<const std::vector<TensorPtr>>(std::move(elements));
    return datum;
  }

  bool empty() const { return tensor_ == nullptr && sequence_ == nullptr; }
  bool IsSequence() const { return sequence_ != nullptr; }
  // Null if it is not a tensor.
  const TensorPtr& tensor() const { return tensor_; }
  // Only of a sequence.
  const std::vector<TensorPtr>& elements() const { return *sequence_; }

 private:
  TensorPtr tensor_;
  std::shared_ptr<const std::vector<TensorPtr>> sequence_;
};

// "f32[2,3]", "seq(f32[*]) of 3", "nothing".
std::string ToString(const Datum& datum);
// Whether a value of that type can be this.
bool Fits(const Datum& datum, const Type& type);

struct EvaluateOptions {
  // A tensor may not be larger; keeps a lying model from taking all memory.
  uint64_t max_tensor_bytes = uint64_t{1} << 32;
  // Loop stops with an error after as many iterations in total.
  int64_t max_iterations = int64_t{1} << 24;
  // Called after each tensor of the top graph is computed; may be null.
  void (*observe)(void* context, const Value& value, const TensorPtr& tensor) = nullptr;
  void* observe_context = nullptr;
};

// One evaluation: the values computed so far, of the graph and of those around it.
class GraphEvaluator {
 public:
  explicit GraphEvaluator(const EvaluateOptions& options = {}, GraphEvaluator* outer = nullptr)
      : options_(options), outer_(outer) {}

  // Inputs in the graph's order. Types are checked against the graph's.
  Result<std::vector<Datum>> RunAny(const Graph& graph, std::span<const Datum> inputs);
  // Where all inputs and outputs are tensors; kUnsupported of others.
  Result<std::vector<TensorPtr>> Run(const Graph& graph, std::span<const TensorPtr> inputs);

  // --- for operators with subgraphs and those on sequences and optional values
  // The value of node input i; nothing if absent.
  Datum InputDatum(const Node& node, size_t i) const;
  // Likewise; null if it is not a tensor.
  TensorPtr Input(const Node& node, size_t i) const { return InputDatum(node, i).tensor(); }
  void SetOutput(const Node& node, size_t i, Datum datum);
  Result<std::vector<Datum>> RunSubgraph(const Graph& graph, std::span<const Datum> inputs);
  const EvaluateOptions& options() const { return options_; }
  // Loop calls it once an iteration.
  Status CountIteration();

 private:
  // Null if the value has not been computed.
  const Datum* Find(const Value* value) const;
  Status RunNode(const Node& node);

  EvaluateOptions options_;
  GraphEvaluator* outer_;
  int64_t iterations_ = 0;
  std::unordered_map<const Value*, Datum> values_;
};

// One node without subgraphs, on concrete inputs (null where absent).
Result<std::vector<TensorPtr>> EvaluateNode(const Node& node, std::span<const TensorPtr> inputs,
                                            const EvaluateOptions& options = {});

}  // namespace whet
