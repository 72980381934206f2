// Adds nodes to a Graph with their output types inferred.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"
#include "ir/op_def.h"

namespace whet {

// Errors are sticky: after the first one every call returns a harmless value of undefined type and changes
// nothing, so a function that builds can go straight through and return status() at its end.
class GraphBuilder {
 public:
  // Appends to `graph`, or inserts before `before`.
  explicit GraphBuilder(Graph& graph, Node* before = nullptr);
  ~GraphBuilder();
  GraphBuilder(const GraphBuilder&) = delete;
  GraphBuilder& operator=(const GraphBuilder&) = delete;

  Graph& graph() { return graph_; }
  // Nodes made from now on are named after `name` ("name", then "name:1" …).
  void SetNodeName(std::string name) { node_name_ = std::move(name); }
  // The node or position that new nodes are inserted before; null appends.
  void SetInsertBefore(Node* before) { before_ = before; }

  // One node with one output. An absent optional input is null.
  Value* Emit(std::string_view op, std::initializer_list<Value*> inputs, Attributes attributes = {});
  Value* Emit(std::string_view op, std::span<Value* const> inputs, Attributes attributes = {});
  // One node with `outputs` outputs; always returns that many values. `subgraphs` as Node::subgraphs.
  std::vector<Value*> EmitNode(std::string_view op, std::span<Value* const> inputs, size_t outputs,
                               Attributes attributes = {},
                               std::vector<std::unique_ptr<Graph>> subgraphs = {});

  // Emit, except that a node with constant inputs only is computed at once.
  Value* EmitFolded(std::string_view op, std::initializer_list<Value*> inputs, Attributes attributes = {});

  Value* Const(std::shared_ptr<const Constant> constant, std::string_view name = "const");
  Value* Ints(std::span<const int64_t> values, std::string_view name = "const");  // i64[n]
  Value* Ints(std::initializer_list<int64_t> values, std::string_view name = "const") {
    return Ints(std::span(values.begin(), values.size()), name);
  }
  Value* Int(int64_t value, std::string_view name = "const");  // i64[]
  // A scalar of that (floating or integer) type.
  Value* Scalar(double value, DType dtype = DType::kF32, std::string_view name = "const");

  // Transpose, except that a permuted constant is computed at once and a transpose of its own inverse is
  // skipped. `perm[i]` is the input's dimension that becomes dimension i.
  Value* Transpose(Value* x, std::span<const int64_t> perm);
  Value* Transpose(Value* x, std::initializer_list<int64_t> perm) {
    return Transpose(x, std::span(perm.begin(), perm.size()));
  }
  // [N, C, D1 … Dk] -> [N, D1 … Dk, C] and back, for any rank >= 3; the rank must be known.
  Value* ToChannelsLast(Value* x);
  Value* ToChannelsFirst(Value* x);

  void Fail(Status status);
  bool ok() const { return status_.ok(); }
  // Moves the first error out.
  Status TakeStatus() { return std::move(status_); }

 private:
  Graph& graph_;
  Node* before_;
  std::string node_name_;
  Status status_;
  Value bad_;
};

}  // namespace whet
