// The Graph: a model in memory. Typed values, nodes in an order in which they can be run, constants,
// subgraphs.
//
// Ownership: a Graph owns its values and nodes; pointers to them stay valid until they are removed or the
// Graph is destroyed. A subgraph (of If, Loop, Scan) is owned by its node and may use values of the graphs
// around it. Not thread-safe for writing; safe for concurrent reading.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/attributes.h"
#include "base/dtype.h"
#include "base/status.h"
#include "base/tensor_view.h"
#include "ir/dim.h"

namespace whet {

struct OpDef;
class Graph;
class Node;

// A value is a tensor, a sequence of tensors, or an optional one of these, which may be empty. Sequences
// stand in no sequence and optional values in nothing, so that a type is never deeper than this.
enum class Form : uint8_t { kTensor = 0, kSequence = 1, kOptionalTensor = 2, kOptionalSequence = 3 };

// Element type and dimensions. Spatial operators take channels last: [N, D1 … Dk, C].
struct Type {
  DType dtype = DType::kUndefined;
  bool ranked = false;  // false: not even the rank is known; dims is empty
  std::vector<Dim> dims;
  // If it is not a tensor, the above is what is true of each tensor in it.
  Form form = Form::kTensor;

  // Out of line like what else copies or destroys parts of a Graph: nearly every source includes this.
  Type();
  Type(DType type, std::vector<Dim> dimensions);
  Type(const Type&);
  Type(Type&&) noexcept;
  Type& operator=(const Type&);
  Type& operator=(Type&&) noexcept;
  ~Type();
  static Type Of(DType type, std::span<const int64_t> shape);
  static Type Unranked(DType type);

  bool IsTensor() const { return form == Form::kTensor; }
  bool IsOptional() const { return form == Form::kOptionalTensor || form == Form::kOptionalSequence; }
  // The same tensors in another form.
  Type As(Form other) const;

  int rank() const { return static_cast<int>(dims.size()); }
  // A tensor of which every dimension is known.
  bool IsStatic() const;
  // Only when IsStatic().
  Shape ToShape() const;
  bool operator==(const Type&) const;
};

// "f32[1,3,N,?]", "i64[]", "f32[*]" if unranked, "seq(f32[*])", "optional(seq(f32[*]))".
std::string ToString(const Type& type);

// Immutable bytes of a tensor, in memory of their own or of a mapped file. Shared between copies of a Graph.
// Of a tensor of strings (DType::kString) it owns the characters too.
class Constant {
 public:
  // Copies `bytes` (or zero-fills if empty) into 64-byte aligned memory of its own; with strings also their
  // characters.
  static std::shared_ptr<const Constant> Copy(DType dtype, const Shape& shape, const void* bytes);
  // Memory to be filled in by the caller before it is shared.
  static std::shared_ptr<Constant> Allocate(DType dtype, const Shape& shape);
  // Refers to memory that `owner` keeps alive, for example a mapped file, and with strings also the
  // characters. `data` is aligned to the element's size.
  static std::shared_ptr<const Constant> Refer(DType dtype, const Shape& shape, const void* data,
                                               std::shared_ptr<const void> owner);
  template <typename T>
  static std::shared_ptr<const Constant> Vector(DType dtype, std::span<const T> values) {
    return Copy(dtype, Shape{static_cast<int64_t>(values.size())}, values.data());
  }
  static std::shared_ptr<const Constant> Ints(std::span<const int64_t> values) {
    return Vector(DType::kI64, values);
  }
  // Copies the characters. As many strings as the shape has elements.
  static std::shared_ptr<const Constant> Strings(const Shape& shape,
                                                 std::span<const std::string_view> strings);
  static std::shared_ptr<const Constant> ScalarF32(float value) { return Copy(DType::kF32, Shape{}, &value); }

  DType dtype() const { return view_.dtype; }
  const Shape& shape() const { return view_.shape; }
  const TensorView& view() const { return view_; }
  // Only of a tensor of strings.
  std::span<const std::string_view> strings() const {
    return {view_.as<const std::string_view>(), static_cast<size_t>(view_.elements())};
  }
  uint64_t bytes() const { return view_.bytes(); }
  void* mutable_data() { return view_.data; }

 private:
  TensorView view_;
  std::shared_ptr<const void> owner_;
};

// Where a value is read.
struct Use {
  Node* node;
  int input;
};

// What a node computes or a graph is given. Names are unique in a model (subgraphs included).
class Value {
 public:
  Value();
  ~Value();
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;

  const std::string& name() const { return name_; }
  Type type;

  // Null for graph inputs and constants.
  Node* producer() const { return producer_; }
  // Null unless the value is a constant.
  const std::shared_ptr<const Constant>& constant() const { return constant_; }
  bool IsConstant() const { return constant_ != nullptr; }
  bool IsGraphInput() const { return is_input_; }
  Graph* graph() const { return graph_; }
  // Nodes of this graph and of subgraphs within it. Graph outputs are not uses; see Graph::IsOutput.
  std::span<const Use> uses() const { return uses_; }

 private:
  friend class Graph;
  friend class Node;
  std::string name_;
  Node* producer_ = nullptr;
  std::shared_ptr<const Constant> constant_;
  bool is_input_ = false;
  Graph* graph_ = nullptr;
  std::vector<Use> uses_;
  std::list<std::unique_ptr<Value>>::iterator position_;
};

class Node {
 public:
  Node();
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const OpDef& op() const { return *op_; }
  // The operator's name, for example "Conv".
  std::string_view op_name() const;
  bool Is(std::string_view op) const { return op_name() == op; }
  const std::string& name() const { return name_; }
  void set_name(std::string name);

  // Null where an optional input or output is absent. Trailing absent ones are not kept.
  std::span<Value* const> inputs() const { return inputs_; }
  std::span<Value* const> outputs() const { return outputs_; }
  Value* input(size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  Value* output(size_t i = 0) const { return i < outputs_.size() ? outputs_[i] : nullptr; }
  // Grows the input list with absent inputs if need be.
  void SetInput(size_t i, Value* value);
  // The outputs from `count` on must be unused; they are removed from the graph.
  void TruncateOutputs(size_t count);

  Attributes attributes;
  // Of If: then, else. Of Loop and Scan: body. Their inputs and outputs follow the operator's definition.
  std::vector<std::unique_ptr<Graph>> subgraphs;

  Graph* graph() const { return graph_; }

 private:
  friend class Graph;
  const OpDef* op_ = nullptr;
  std::string name_;
  std::vector<Value*> inputs_;
  std::vector<Value*> outputs_;
  Graph* graph_ = nullptr;
  std::list<std::unique_ptr<Node>>::iterator position_;
};

// A value that lives on between runs: at the start of a run `input` holds what `output` held at the end of
// the last, or `initial` (zeros if null) after a reset.
struct State {
  std::string name;
  Value* input;
  Value* output;
  std::shared_ptr<const Constant> initial;
};

class Graph {
 public:
  // `parent` is the graph around a subgraph.
  explicit Graph(std::string name = {}, Graph* parent = nullptr);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  const std::string& name() const { return name_; }
  void set_name(std::string name);
  Graph* parent() const { return parent_; }

  // A deep copy with the same names; constants are shared. Only for a graph without a parent.
  std::unique_ptr<Graph> Clone() const;

  // --- values
  Value* AddInput(std::string name, Type type);
  Value* AddConstant(std::string name, std::shared_ptr<const Constant> constant);
  // Marks as output; the same value may be an output twice.
  void AddOutput(Value* value);
  void SetOutput(size_t i, Value* value) { outputs_[i] = value; }
  std::span<Value* const> inputs() const { return inputs_; }
  std::span<Value* const> outputs() const { return outputs_; }
  bool IsOutput(const Value* value) const;
  // Also a state's output.
  bool IsLive(const Value* value) const;
  // Of this graph only; null if there is none.
  Value* FindValue(std::string_view name) const;
  // All values in the order of creation.
  std::vector<Value*> values() const;
  // The input must be unused.
  void RemoveInput(Value* value);
  void RemoveUnusedConstants();
  // Keeps the name unique by adding a suffix if it is taken.
  void Rename(Value* value, std::string name);
  // A name that no value of the model has: `base`, or `base:1`, `base:2` …
  std::string UniqueName(std::string_view base) const;

  // --- nodes, in execution order
  // Appends, or inserts before `before`. `output_names[i]` empty: a unique name is made from the node's name.
  // Output types are undefined until shapes are inferred (GraphBuilder in ir/builder.h does both).
  Node* AddNode(const OpDef& op, std::string name, std::span<Value* const> inputs,
                std::span<const std::string> output_names, Attributes attributes = {},
                Node* before = nullptr);
  // Its outputs must be unused and not graph outputs; they are removed with it.
  void RemoveNode(Node* node);
  // Puts `node` before `before` in execution order.
  void MoveNode(Node* node, Node* before);
  const std::list<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  // In execution order; a copy, so that the graph may change while one walks.
  std::vector<Node*> NodeList() const;

  // Every use, graph output and state output of `from`, in this graph and within, becomes `to`. Types are not
  // checked.
  void ReplaceAllUses(Value* from, Value* to);
  // Orders nodes by their dependencies, keeping the present order where it can. Error on a cycle.
  Status SortTopologically();

  // --- the model around it; empty in subgraphs
  std::vector<State> states;
  // Free key/value pairs that travel with the model: labels, pre- and post-processing, author, licence.
  // Keys that Whet itself reads are in ir/metadata.h.
  std::map<std::string, std::string> metadata;

 private:
  friend class Node;
  Value* NewValue(std::string name);
  void ForgetValue(Value* value);
  const Graph* Root() const;

  std::string name_;
  Graph* parent_;
  std::vector<Value*> inputs_;
  std::vector<Value*> outputs_;
  std::list<std::unique_ptr<Value>> values_;
  std::list<std::unique_ptr<Node>> nodes_;
  // Names of the whole model, kept by the root graph.
  std::map<std::string, Value*, std::less<>> names_;
};

}  // namespace whet
