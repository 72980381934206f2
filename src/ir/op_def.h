// What an operator is: its definition as data. One file in src/ops defines one operator; the build collects
// them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/reference.h"
#include "base/status.h"
#include "ir/graph.h"

namespace whet {

class InferContext;
class GraphEvaluator;

struct AttributeDef {
  std::string_view name;
  AttributeKind kind;
  bool required = false;
};

struct OpDef {
  std::string_view name;
  std::string_view summary;  // one line, for the table of operators
  int min_inputs = 0;
  int max_inputs = 0;  // -1: any number
  int min_outputs = 1;
  int max_outputs = 1;  // -1: any number
  int subgraphs = 0;
  std::span<const AttributeDef> attributes = {};

  // Sets the outputs' types from the inputs' types, attributes, and the inputs' values where known. Must
  // accept unknown dimensions and give the best bounds it can. Null: an operator that exists only in other
  // formats and is imported as a composition; it never stands in a Graph.
  Status (*infer)(InferContext& context) = nullptr;

  // Plain and scalar; what the operator means. Called with inputs that passed `infer`.
  ReferenceFn reference = nullptr;
  // For operators with subgraphs and those on sequences and optional values, instead of `reference` or, where
  // there are both, when a Graph is evaluated.
  Status (*evaluate)(const Node& node, GraphEvaluator& evaluator) = nullptr;

  // What the inputs may be besides tensors of numbers. A node is given nothing else, so `infer` need not ask.
  bool takes_strings = false;
  bool takes_sequences = false;  // and optional values

  // Bit i: the value of input i (not just its type) determines the outputs' shapes or which subgraph runs.
  uint32_t value_inputs = 0;
  // The outputs' shapes depend on the data of inputs that are not value_inputs (NonZero, NonMaxSuppression,
  // …).
  bool data_dependent_shape = false;
  // Not a function of its inputs alone (random numbers): never folded or merged.
  bool nondeterministic = false;

  // Multiply-accumulates with static types; null: counts none.
  int64_t (*macs)(const Node& node) = nullptr;
};

// Every operator, sorted by name. Defined by the table that the build generates from the files in src/ops.
std::span<const OpDef* const> AllOps();
// Null if there is none of that name.
const OpDef* FindOp(std::string_view name);

// What `infer` sees and sets.
class InferContext {
 public:
  virtual ~InferContext() = default;

  InferContext(const Attributes& attributes, std::span<const Type* const> inputs, std::span<Type> outputs)
      : attributes_(attributes), inputs_(inputs), outputs_(outputs) {}

  const Attributes& attributes() const { return attributes_; }
  size_t input_count() const { return inputs_.size(); }
  size_t output_count() const { return outputs_.size(); }
  bool HasInput(size_t i) const { return i < inputs_.size() && inputs_[i] != nullptr; }
  const Type& input(size_t i) const { return *inputs_[i]; }
  Type& output(size_t i = 0) { return outputs_[i]; }
  // Sets output i if it exists.
  void SetOutput(size_t i, Type type) {
    if (i < outputs_.size()) outputs_[i] = std::move(type);
  }

  // The value of input i if it is known now, else null. Integers are best read with IntValues.
  virtual const TensorView* InputValue(size_t i) const = 0;
  // The elements of an integer (or bool) input as i64. False if the value is not known now or is not
  // integral.
  bool IntValues(size_t i, std::vector<int64_t>* values) const;

  // The types of a subgraph's outputs, once its inputs have been given types; for If, Loop and Scan.
  virtual Result<std::vector<Type>> InferSubgraph(size_t subgraph, std::span<const Type> inputs) = 0;

 private:
  const Attributes& attributes_;
  std::span<const Type* const> inputs_;
  std::span<Type> outputs_;
};

}  // namespace whet
